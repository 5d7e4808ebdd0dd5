// JSON at the edge: strict reading of a body, and the one shape of an error.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hpp"
#include "model/error.hpp"
#include "model/job_spec.hpp"

namespace troupe {

using json = nlohmann::json;

/// Parses a body that must be one JSON object nested at most 64 deep. An empty body is refused like any other
/// non-object.
outcome<json> parse_object(std::string_view body);

/// Reads the fields of an object one by one; the first thing wrong is kept, and every field must have been asked for.
class fields {
public:
  explicit fields(const json& object) : object_(object) {}

  std::string text(std::string_view name, size_t bytes_max, bool required = false);
  int64_t integer(std::string_view name, int64_t least, int64_t most, int64_t otherwise);
  /// A decimal string: "send money as a string". What is wrong with an `amount` is INVALID_AMOUNT.
  std::optional<amount> money(std::string_view name, bool required = false);
  std::optional<asset> currency(std::string_view name);
  std::vector<std::string> texts(std::string_view name, size_t count_max, size_t bytes_max);
  std::vector<label> labels(std::string_view name, size_t count_max);
  /// RFC 3339 text ("2026-11-22T10:30:00Z"); 0 when absent.
  time_ms time(std::string_view name);
  const json* any(std::string_view name);  // asked for, checked by the caller
  bool flag(std::string_view name, bool otherwise);

  void refuse(std::string why, std::string word = {});
  /// The first thing wrong, or nothing. `allow_unknown`: fields nobody asked for are ignored.
  std::optional<failure> problem(bool allow_unknown = false);

private:
  const json* find(std::string_view name);
  const json& object_;
  std::set<std::string, std::less<>> asked_;
  std::optional<failure> problem_;
};

enum class error_dialect { canonical, openai };

int status_of(errc);
/// The error body of the dialect with the status and headers that go with it.
http_reply error_reply(const failure&, const std::string& request_id, error_dialect = error_dialect::canonical);
/// When to come again: Retry-After in whole seconds, rounded up, one at least.
void add_retry_after(http_reply&, int64_t wait_ms);
/// For errors without an errc of their own (405, 408, 431, ...).
http_reply error_reply(int status, std::string_view code, std::string_view message, const std::string& request_id);

http_reply json_reply(int status, const json&);
/// Unix ms as RFC 3339 text, or null for 0.
json time_json(time_ms);
std::optional<time_ms> parse_time(std::string_view);

}  // namespace troupe
