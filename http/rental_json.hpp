// Billing sessions as they are asked for and shown.
#pragma once

#include "http/json.hpp"
#include "model/rental_place.hpp"

namespace troupe {

/// The body of start-session; `user_id` is whoever pays, or empty when the body does not say.
outcome<rental_wish> read_wish(const json& body);

struct usage_report {
  std::string session_id;
  rental_reading reading;  // at_ms: 0 when the provider did not say
};
outcome<usage_report> read_report(const json& body, time_ms now_ms);

json rental_json(const rental&);
/// The session with what it has cost until now, billed or not, and how long `available` lasts besides its hold.
json rental_costs_json(const rental&, amount available, time_ms now_ms);

}  // namespace troupe
