// Reading the server's answers.
#include "client/api.hpp"

#include <charconv>
#include <cmath>

#include "client/render.hpp"

namespace troupe::client {
namespace {

/// The line for a person inside an error body of any dialect.
std::string message_of(const json& body) {
  auto& error = field(body, "error");
  for (auto text :
       {text_at(body, "message"), text_at(error, "message"), text_at(body, "error"), text_at(body, "detail")})
    if (!text.empty()) return text;
  return {};
}

std::string shortfall(const json& body) {
  auto& details = field(body, "details");
  auto& holder = field(body, "required").is_null() ? details : body;
  auto required = text_at(holder, "required");
  if (required.empty()) return {};
  auto currency = text_at(holder, "currency");
  auto unit = currency.empty() ? "" : " " + currency;
  return ": required " + required + unit + ", balance " + text_at(holder, "balance") + unit;
}

std::string advice(const server& to, const answer& got) {
  if (got.status == 401)
    return to.api_key.empty() ? "; set TROUPE_API_KEY or give --api-key" : "; is the API key right?";
  auto seconds = plain(got.retry_after);
  if ((got.status == 429 || got.status == 503) && !seconds.empty()) return "; try again in " + seconds + " s";
  return {};
}

}  // namespace

std::string refusal_text(const server& to, const answer& got) {
  auto body = json::parse(got.body, nullptr, false);
  auto status = std::to_string(got.status);
  auto why = message_of(body);
  if (why.empty()) return to.url() + " answered with status " + status + " and no reason" + advice(to, got);
  auto line = why + " (" + status + ")" + (got.status == 402 ? shortfall(body) : "") + advice(to, got);
  auto id = text_at(body, "request_id");
  return id.empty() ? line : line + " [" + id + "]";
}

json_answer call(const server& to, const request& what) {
  auto got = ask(to, what);
  if (got.status < 200 || got.status > 299) throw trouble(refusal_text(to, got));
  auto value = json::parse(got.body, nullptr, false);
  if (!value.is_object() && !value.is_array())
    throw trouble(to.url() + " answered " + what.target + " with something that is not JSON; is it a Troupe server?");
  return {std::move(value), std::move(got.body)};
}

const json& field(const json& object, std::string_view key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  auto found = object.find(std::string(key));
  return found == object.end() ? nothing : *found;
}

std::string text_at(const json& object, std::string_view key) {
  auto& value = field(object, key);
  if (value.is_string()) return plain(value.get_ref<const std::string&>());
  return value.is_number() || value.is_boolean() ? value.dump() : std::string();
}

std::string first_text(const json& object, std::initializer_list<std::string_view> keys) {
  for (auto key : keys)
    if (auto text = text_at(object, key); !text.empty()) return text;
  return {};
}

std::optional<double> number_at(const json& object, std::string_view key) {
  auto& value = field(object, key);
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return {};
  auto& text = value.get_ref<const std::string&>();
  double number = 0;
  auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (e != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return {};
  return number;
}

const json& rows_at(const json& value, std::initializer_list<std::string_view> keys) {
  static const json none = json::array();
  if (value.is_array()) return value;
  for (auto key : keys)
    if (auto& found = field(value, key); found.is_array()) return found;
  return none;
}

std::string money(const json& object, std::string_view amount_key, std::string_view currency_key) {
  auto amount = text_at(object, amount_key);
  auto currency = text_at(object, currency_key);
  return amount.empty() || currency.empty() ? amount : amount + " " + currency;
}

}  // namespace troupe::client
