// 15 bytes say which session, 17 prove that it is the newest.
#include "config/refresh_token.hpp"

#include "config/world.hpp"

namespace troupe {

namespace {

constexpr std::string_view prefix = "rt_";
constexpr size_t family_bytes = 15, proof_bytes = 17;  // 20 letters and 23: a multiple of three bytes is spelled apart
constexpr size_t family_letters = prefix.size() + 20, letters = prefix.size() + 43;

refresh_token known(std::string text) {
  auto family = sha256_hex(std::string_view{text}.substr(0, family_letters));
  auto hash = sha256_hex(text);
  return {std::move(text), std::move(family), std::move(hash)};
}

}  // namespace

refresh_token first_refresh_token() {
  return known(std::string{prefix} + base64url(random_bytes(family_bytes)) + base64url(random_bytes(proof_bytes)));
}

refresh_token next_refresh_token(const std::string& text) {
  return known(text.substr(0, family_letters) + base64url(random_bytes(proof_bytes)));
}

std::optional<refresh_token> read_refresh_token(std::string_view text) {
  if (text.size() != letters || !text.starts_with(prefix)) return std::nullopt;
  return known(std::string{text});
}

}  // namespace troupe
