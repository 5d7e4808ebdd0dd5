// How values are written for PostgreSQL. A text of it holds neither NUL nor broken UTF-8; such a text, which people may
// well send, is kept as hex behind a mark, and read back as it was.
#pragma once

#include <string>
#include <string_view>

namespace troupe::sql {

/// Empty `kept`: the text can stand as it is.
struct stored_text {
  std::string_view plain;
  std::string kept;
  std::string_view view() const { return kept.empty() ? plain : std::string_view{kept}; }
};
stored_text postgres_text(std::string_view);
/// The mirror: true and the bytes in `to` when the text was kept as hex.
bool was_kept(std::string_view stored, std::string& to);

/// "\x00ff"
std::string postgres_bytes(std::string_view);
/// The bytes of "\x00ff".
std::string bytes_of(std::string_view hex);

/// "..." with what arrays need escaped.
void append_array_item(std::string& to, std::string_view);
inline void append_array_item(std::string& to, const stored_text& x) { append_array_item(to, x.view()); }

bool is_utf8(std::string_view);

}  // namespace troupe::sql
