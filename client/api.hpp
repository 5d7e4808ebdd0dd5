// The REST API seen from a client: an answer is JSON, a refusal is one line for a person. JSON is read leniently here,
// so that a field that is missing or of another type shows as nothing instead of ending the program.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "client/http.hpp"

namespace troupe::client {

using json = nlohmann::json;

struct json_answer {
  json value;
  std::string text;  // as the server wrote it
};

/// Throws trouble with the server's message unless the answer is 2xx and JSON.
json_answer call(const server&, const request&);

/// "insufficient balance (402): required 5.25, balance 1.00 dGPU".
std::string refusal_text(const server&, const answer&);

/// The field as text: strings made plain, numbers and booleans as JSON writes them, all else "".
std::string text_at(const json&, std::string_view key);
/// The first of these fields that is there.
std::string first_text(const json&, std::initializer_list<std::string_view> keys);
/// The field itself, or null.
const json& field(const json&, std::string_view key);
/// A finite number, or a string that is one.
std::optional<double> number_at(const json&, std::string_view key);
/// The array under the first of these keys, or the value itself when it is an array; otherwise empty.
const json& rows_at(const json&, std::initializer_list<std::string_view> keys);
/// "0.25 dGPU"; "" without an amount.
std::string money(const json&, std::string_view amount_key, std::string_view currency_key = "currency");

}  // namespace troupe::client
