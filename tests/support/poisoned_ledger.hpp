// A ledger in front of the real one that answers nonsense for one job: whoever asked for it crashes.
#pragma once

#include "tests/support/house_world.hpp"

namespace troupe {

struct poison {
  std::string job_id;
  int left = 0;  // how often
  int given = 0;
};

struct poisoned_state {
  poisoned_state() = default;
  static inline const char* name = "poisoned ledger";
};

inline ledger_actor::behavior_type poisoned_ledger(ledger_actor::stateful_pointer<poisoned_state> self,
                                                   ledger_actor real, std::shared_ptr<poison> p) {
  return {
      [self, real, p](commit_changes& ask) -> caf::result<commit_results> {
        auto hit = p->left > 0 && ask.changes.at(0).moves && ask.changes[0].moves->next.id == p->job_id;
        if (!hit) return self->delegate(real, std::move(ask));
        p->left -= 1;
        p->given += 1;
        return commit_results{};  // no result for its change: the asker's own check throws
      },
      [self, real](const get_health& ask) { return self->delegate(real, ask); },
      [](flush) {},
  };
}

}  // namespace troupe
