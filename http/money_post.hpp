// A request that moves money. Sent again under its Idempotency-Key it has no second effect and the first answer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/routes.hpp"

namespace troupe {

/// Where the first answer of a request is kept, when it came with an Idempotency-Key. `what` is the request's method
/// and route; `content` is all that must be the same when it comes again.
outcome<std::optional<idempotency_row>> once_of(const call&, std::string_view what, std::string_view content,
                                                int status, const json& answer);

/// The first answer, marked as such.
http_reply replayed(const change_result&);

/// The body as an object; empty where nothing needs to be said.
outcome<json> optional_object(std::string_view body);

struct money_post {
  std::string user_id;  // whose wallet it goes through
  change what;
  int status = 200;
  json answer;
};

/// Adds to the answer what only the commit tells.
using add_outcome = std::function<void(json& answer, const change_result&)>;
/// Puts a refusal in the route's own words.
using reword = std::function<failure(failure)>;

/// Commits and answers. Two with one key meet in the ledger: the second gets the first answer.
void commit_money(const call_ptr&, money_post, add_outcome = {}, reword = {});

}  // namespace troupe
