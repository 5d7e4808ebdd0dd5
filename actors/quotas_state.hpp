// What the actor `quotas` knows.
#pragma once

#include <functional>
#include <unordered_map>

#include "actors/house.hpp"
#include "model/identity.hpp"
#include "model/shards.hpp"
#include "persistence/identity_reader.hpp"

namespace troupe {

/// Who asks hears it once: what the windows say, or that they cannot be asked.
struct quota_question {
  use_quota ask;
  int64_t until_ms = 0;  // of the monotonic clock: then it is given up
  std::function<void(const outcome<rate_verdict>&)> answer;
};

struct counted_user {
  rate_meter meter;
  bool known = false;  // what the store remembers was read
  bool dirty = false;  // counted since it was stored
  int storing = 0;     // commits under way
  std::vector<quota_question> waiting;
};

struct quotas_state {
  quotas_state() = default;
  static inline const char* name = "quotas";

  struct away_place {
    std::string user_id;
    bool stream = false;
  };

  house* h = nullptr;
  int64_t last_number = 0;
  std::unordered_map<std::string, counted_user> users;  // of our shards
  std::unordered_map<int64_t, away_place> away;         // under way here, counted elsewhere
  std::vector<quota_question> waiting;                  // nobody is known to own them
};

using quotas_pointer = quotas_actor::stateful_pointer<quotas_state>;

}  // namespace troupe
