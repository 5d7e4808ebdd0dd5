// Bytes of unknown origin, made fit to be stored and shown: valid UTF-8 without NUL, of bounded length.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

struct clean_text {
  std::string text;
  bool cut = false;  // something at the end was left out
};

/// What is not UTF-8, and NUL (PostgreSQL stores none), becomes U+FFFD; the result is cut between characters.
/// `more_came`: the bytes were cut before, so half a character at their end is left out instead.
clean_text clean(std::string_view bytes, size_t bytes_max, bool more_came = false);

}  // namespace troupe
