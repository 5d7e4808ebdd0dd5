// Reads the bytes of a request strictly: what two servers could understand differently is refused. Pure, no I/O.
#pragma once

#include "model/limits.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

/// Why the server itself refuses a request; status 0: it does not.
struct refusal {
  int status = 0;
  std::string_view code;
  std::string_view message;
  explicit operator bool() const { return status != 0; }
};

/// Finds where a header ends in bytes that arrive piece by piece, and refuses early what can never become one.
class head_finder {
public:
  /// `bytes` is all that came of this request so far. Returns the length of the whole header, or 0: read more.
  size_t find(std::string_view bytes, refusal& why);

private:
  refusal check_line(std::string_view line);

  size_t scanned_ = 0;     // bytes already looked at
  size_t line_start_ = 0;  // where the unfinished line begins
  size_t lines_ = 0;
};

/// A request without its body. The views point into the bytes it was parsed from.
struct request_head {
  std::string_view method, target;
  std::string_view authorization, api_key, idempotency_key, content_type, error_dialect, request_id, upgrade;
  std::string_view host, origin;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool upgrade_wanted = false;  // the Connection header says so
  bool expects_continue = false;
  bool chunked = false;
  uint64_t length = 0;  // of the body, when not chunked
};

/// `bytes` is exactly what head_finder found. On refusal `out` holds what was understood until then.
refusal parse_head(std::string_view bytes, request_head& out);

/// The next "name: value" line of a header, starting at `at`, which moves on. False at the end.
bool next_field(std::string_view head, size_t& at, std::string_view& name, std::string_view& value);

/// ASCII only, as all names in HTTP are.
bool same_word(std::string_view a, std::string_view b);

/// True when the comma-separated list has this word.
bool has_word(std::string_view list, std::string_view word);

/// Takes a body of known length or in chunks out of the input.
class body_reader {
public:
  void start(const request_head&, size_t bytes_max);
  /// Refuses a declared length over the bound, before anything of it is read.
  refusal check_length() const;
  /// Appends to `body` what it can and returns how many bytes it used up.
  size_t take(std::string_view bytes, std::string& body, refusal& why);
  bool done() const { return part_ == part::done; }
  /// Still to come of the body or of this chunk, as far as known.
  uint64_t left() const { return left_; }

private:
  enum class part : uint8_t { data, after_data, size, trailer, done };
  size_t take_data(std::string_view bytes, std::string& body);
  size_t take_line(std::string_view bytes, size_t body_bytes, refusal& why);
  refusal read_size(std::string_view line, size_t body_bytes);

  part part_ = part::done;
  bool chunked_ = false;
  size_t bytes_max_ = 0;
  uint64_t left_ = 0;
  size_t trailer_bytes_ = 0;
};

/// Decodes the path of a target. False: it has broken escapes, control characters, hidden slashes, dot segments, empty
/// segments or is no UTF-8.
bool decode_path(std::string_view raw, std::string& path);

}  // namespace troupe
