// The table of commands. A new verb of model/change.hpp needs a command here and a word in the twin.
#include "tests/simulate/commands.hpp"

#include "tests/simulate/world.hpp"

namespace simulate {

const std::vector<command>& commands() {
  static const std::vector<command> table{
      // people and nodes
      {"register", 2, register_user},
      {"join", 2, join_node},
      {"beat", 2, beat_node},
      // money
      {"grant", 8, grant},
      {"grant beyond all bounds", 1, grant_too_much},
      {"move money", 6, move_money},
      {"two transfers in one", 3, linked_transfers},
      {"say it again", 8, repeat_request},
      // holds that live longer than one answer
      {"open a tab", 4, open_tab},
      {"extend a tab", 6, extend_tab},
      {"capture a part", 9, capture_tab},
      {"close a tab", 3, end_tab},
      {"mature", 4, mature},
      {"correct", 4, correct},
      // jobs
      {"submit", 15, submit},
      {"claim", 40, claim},
      {"deliver", 100, deliver},
      {"due", 14, due},
      {"lost", 9, lost},
      {"deadline", 3, deadline},
      {"extend", 12, extend},
      {"stalled", 3, stalled},
      {"cancel", 5, cancel},
      {"grace over", 3, grace_over},
      {"quarantine", 1, quarantine},
      {"expire", 4, expire},
      {"wake children", 8, wake_children},
      {"amend", 4, amend},
      {"redrive", 4, redrive},
      // what no honest actor does
      {"wake badly", 3, wake_badly},
      {"redrive badly", 3, redrive_badly},
      {"an actor of old", 8, stale_actor},
      {"close badly", 6, close_badly},
      {"move badly", 3, move_badly},
      {"hold badly", 2, hold_badly},
      {"half good", 3, half_good},
  };
  return table;
}

void run_random_command(world& w) {
  static const int total = [] {
    int sum = 0;
    for (auto& c : commands()) sum += c.weight;
    return sum;
  }();
  auto n = w.random.below(total);
  for (auto& c : commands()) {
    if ((n -= c.weight) >= 0) continue;
    c.run(w);
    return;
  }
}

}  // namespace simulate
