// Webhooks: addresses of a user that are told of events, one after another. Pure: who wants what, when to try again,
// and when to give up. The rows and the steps that change them; steps of an identity_change.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/change.hpp"

namespace troupe {

/// "job.completed", "billing.low_balance": what the API calls an event of this kind.
std::string event_name(std::string_view kind);
/// "evt_17": the same whenever and whoever is told of it.
std::string event_id(int64_t seq);
bool is_billing_event(std::string_view kind);
/// Something that the stream may tell, or "*".
bool is_event_name(std::string_view name);

inline constexpr size_t webhook_deliveries_kept = 100;
inline constexpr int32_t webhook_given_up_max = 20;  // events in a row: then the endpoint is switched off

struct webhook {
  std::string id, user_id;
  std::string url, secret, old_secret;  // sealed; old_secret: the one before, empty when there is none
  time_ms old_ends_ms = 0;              // until then it signs, too
  std::vector<std::string> events;      // names; "*": all
  bool active = true;
  int64_t told_seq = 0;  // the user's events up to here are settled
  int32_t attempts = 0;  // failed ones, of the first event behind told_seq that it wants
  time_ms next_ms = 0;   // no attempt before
  int32_t given_up = 0;  // events in a row
  time_ms created_ms = 0;
};

bool wants(const webhook&, std::string_view kind);

/// What became of one event.
struct webhook_delivery {
  int64_t seq = 0;    // of the event
  std::string event;  // its name
  std::string state;  // delivered | retrying | given_up
  int32_t attempts = 0;
  int32_t status = 0;   // of the last answer; 0: there was none
  std::string trouble;  // empty: none
  time_ms first_ms = 0, last_ms = 0, next_ms = 0;
};

/// Starts at the end of the user's events. Refused (conflict) beyond `most` of one user.
struct webhook_add {
  webhook row;
  int32_t most = 0;
};
/// All of it as it is from now on; a wait for the next attempt is over. Switched on again it starts at the end of the
/// user's events. Refused (not_found) when it is another's.
struct webhook_set {
  std::string id, user_id, url;
  std::vector<std::string> events;
  bool active = true;
};
/// Refused (stale) unless its secret is still `before`, sealed.
struct webhook_rotate {
  std::string id, user_id, before, secret, old_secret;
  time_ms old_ends_ms = 0;
};
/// With what is remembered of its deliveries.
struct webhook_remove {
  std::string id, user_id;
};
/// After an attempt, or past events that it does not want. Refused (stale) unless it is active and stands where `from`
/// says.
struct webhook_move {
  std::string id;
  int64_t from_seq = 0;
  int32_t from_attempts = 0;
  int64_t told_seq = 0;
  int32_t attempts = 0;
  time_ms next_ms = 0;
  int32_t given_up = 0;
  bool active = true;
  std::optional<webhook_delivery> delivery;
};

using webhook_step = std::variant<webhook_add, webhook_set, webhook_rotate, webhook_remove, webhook_move>;

/// Pauses between the attempts for one event: "5s,30s,2m,1h", each from 1 s to 7 days (s, m, h, d), 1 to 20 of them.
/// Nothing for any other text. In milliseconds.
std::optional<std::vector<int64_t>> parse_webhook_pauses(std::string_view);

/// REQUIRES: `w` as it was before the attempt for `e`. `trouble` empty: accepted; else why not.
webhook_move after_attempt(const webhook& w, const event_row& e, int32_t status, const std::string& trouble,
                           const std::vector<int64_t>& pauses_ms, time_ms now_ms);
/// Past events that it does not want.
webhook_move skip_to(const webhook& w, int64_t seq);

}  // namespace troupe
