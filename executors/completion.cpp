// Reads the answers of model servers, which are not always what they should be.
#include "executors/completion.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "executors/clean_text.hpp"

namespace troupe {
namespace {

using json = nlohmann::json;

constexpr size_t text_bytes_max = 24 * 1024 * 1024;  // three times the largest answer: cleaning may triple it
constexpr size_t reason_bytes_max = 64;
constexpr size_t message_bytes_max = 200;
constexpr int64_t tokens_max = 1'000'000'000;  // beyond belief

const json* find(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto at = object.find(name);
  return at == object.end() ? nullptr : &*at;
}

std::optional<int64_t> read_count(const json* usage, const char* name) {
  auto value = usage ? find(*usage, name) : nullptr;
  if (!value || !value->is_number_unsigned() || value->get<uint64_t>() > static_cast<uint64_t>(tokens_max)) return {};
  return value->get<int64_t>();
}

/// In OpenAI's words, else in Anthropic's, which some servers keep.
int64_t read_cached(const json* usage) {
  auto details = usage ? find(*usage, "prompt_tokens_details") : nullptr;
  if (auto count = read_count(details, "cached_tokens")) return *count;
  return read_count(usage, "cache_read_input_tokens").value_or(0);
}

/// `text` of a completion; `content` of a chat message, where null (a call of a tool) is an empty text.
std::optional<std::string> read_text(const json& choice) {
  if (auto text = find(choice, "text"); text && text->is_string()) return text->get<std::string>();
  auto message = find(choice, "message");
  auto content = message ? find(*message, "content") : nullptr;
  if (content && content->is_string()) return content->get<std::string>();
  if (content && content->is_null()) return std::string{};
  return {};
}

}  // namespace

std::optional<completion> read_completion(std::string_view body) {
  auto answer = json::parse(body, nullptr, false);
  auto choices = find(answer, "choices");
  if (!choices || !choices->is_array() || choices->empty()) return {};
  auto& choice = choices->front();
  auto text = read_text(choice);
  if (!text) return {};
  completion all;
  all.text = clean(*text, text_bytes_max).text;
  if (auto reason = find(choice, "finish_reason"); reason && reason->is_string())
    all.finish_reason = clean(reason->get_ref<const std::string&>(), reason_bytes_max).text;
  auto usage = find(answer, "usage");
  all.prompt_tokens = read_count(usage, "prompt_tokens");
  all.completion_tokens = read_count(usage, "completion_tokens");
  all.cached_tokens = read_cached(usage);
  return all;
}

std::string read_error_message(std::string_view body) {
  auto answer = json::parse(body, nullptr, false);
  auto error = find(answer, "error");
  auto message = error ? find(*error, "message") : find(answer, "message");
  if (error && error->is_string()) message = error;
  if (!message || !message->is_string()) return {};
  auto text = clean(message->get_ref<const std::string&>(), message_bytes_max).text;
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

int64_t estimated_tokens(std::string_view text) { return static_cast<int64_t>((text.size() + 3) / 4); }

}  // namespace troupe
