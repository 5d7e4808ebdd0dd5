// What an OpenAI-compatible model server answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

struct completion {
  std::string text;
  std::string finish_reason;
  std::optional<int64_t> prompt_tokens, completion_tokens;  // as far as the server counted
  int64_t cached_tokens = 0;                                // of the prompt's; not checked against them
};

/// Of /completions or /chat/completions; nothing when it is neither.
std::optional<completion> read_completion(std::string_view body);

/// The server's own words in an error answer, short and in one line; empty when there are none.
std::string read_error_message(std::string_view body);

/// One token per four bytes, rounded up: for servers that do not count.
int64_t estimated_tokens(std::string_view text);

}  // namespace troupe
