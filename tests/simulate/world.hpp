// One world: a store, what the job actors remember, messages under way, and the naive twin of it all. Commands act on
// it; the world commits them in groups, loses some of the groups, and compares.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/simulate/engine.hpp"
#include "tests/simulate/random.hpp"
#include "tests/simulate/twin.hpp"

namespace simulate {

/// The product and its twin differ, or a law is broken.
struct broken : std::runtime_error {
  using runtime_error::runtime_error;
};

struct letter {
  std::string job_id;
  troupe::any_job_input what;
};

struct machine {
  std::string id, owner;
  int slots = 1;
  int used = 0;  // slots, as the dispatcher counts
};

/// A walk that meets too little proves too little, so it is counted.
struct counters {
  std::map<std::string, int64_t> met;
  int64_t steps = 0, changes = 0, groups = 0, audits = 0, worlds = 0;
};

/// What is true only when the group is committed.
struct pending {
  std::vector<letter> post;
  std::vector<troupe::job> old_rows;
  std::vector<std::string> new_jobs, new_tabs;
  std::set<std::string> owners, jobs;  // touched, to be compared
};

class world {
public:
  world(uint64_t seed, const std::filesystem::path& folder, std::string uri, counters&);

  /// Random commands in groups; at the end every job is brought to its end and the books are audited.
  void run(int64_t steps);

  // For the commands.
  chance random;
  troupe::time_ms now = 1'800'000'000'000;
  twin naive;
  std::vector<std::string> users{"user_0"};
  std::vector<machine> machines;
  std::vector<std::string> jobs;                // that live, and some that ended lately
  std::vector<std::string> tabs;                // holds that grow and are captured bit by bit
  std::vector<std::string> payments;            // ids of captures that somebody may undo
  std::vector<troupe::mature_move> matured;     // asked for before
  std::set<std::string> unwanted;               // jobs that no node can start
  std::set<std::string> deadly;                 // jobs that no node can end
  std::set<std::string> wandering;              // jobs that each node sends on, sooner or later
  std::vector<letter> post;                     // said by nodes, never forgotten at once
  std::deque<troupe::change> said;              // requests that somebody may send again
  std::vector<troupe::job> old_rows;            // what an actor that was replaced may still believe
  std::map<std::string, troupe::job> memories;  // of the job actors
  pending fresh;
  int64_t next_id = 1;
  counters& count;

  std::string new_id(const char* prefix) { return prefix + std::to_string(next_id++); }
  void say(std::string what);
  /// Applies within the group.
  troupe::change_result apply(const troupe::change&);
  void meet(const std::string& what) { count.met[what] += 1; }
  /// Throws `broken` unless the answers agree.
  void agree(const troupe::change_result&, const naive_answer&);
  void expect(bool holds, const char* law) {
    if (!holds) throw broken{law};
  }
  /// The job as its actor knows it; read from the store when it has just woken.
  const troupe::job& row_of(const std::string& job_id);
  /// The machine hears it, and the store and the twin follow.
  void tell(const std::string& job_id, const troupe::any_job_input&);
  /// Of what is committed.
  std::vector<troupe::ready_child> ready_children() { return db_.reader().waiting().ready_children(100); }
  void after_step(const troupe::job& before, const troupe::job& next, const troupe::step&);
  void touch(const std::string& owner) { fresh.owners.insert(owner); }

  int64_t step() const { return step_; }
  const std::deque<std::string>& history() const { return history_; }

private:
  enum class fate { committed, rolled_back, died_before, power_before, died_after, power_after };
  fate draw_fate();
  void group(int64_t size);
  void begin();
  void end_group(fate, const twin& before);
  void forget_group();
  void keep_group();
  void wake_up();
  void meet_end(const troupe::job& before, const troupe::job& end);
  void write_letters(const troupe::job&);
  void check_touched();
  void check_all();
  void check_purses(const std::string& owner);
  void check_job(const std::string& id);
  void check_events(const std::string& user);
  void check_slots();
  void check_waiting();
  void check_ceilings();
  void check_invariants();
  void audit();
  void finish();
  void tell_children(const naive_job&);
  void settle(const naive_job&, const std::string& provider, troupe::settlement);
  /// Of its hold: extensions are counted.
  int32_t next_step(const naive_job& j) const { return naive.books.holds().at(j.hold_id).steps + 1; }
  void finish_job(const std::string& id);
  void tidy();

  engine db_;
  std::map<std::string, std::pair<int64_t, size_t>> events_seen_;  // by user: last number, how many
  std::deque<std::string> history_;
  std::deque<troupe::change> lately_;
  int64_t step_ = 0;
};

struct command {
  const char* name;
  int weight;
  void (*run)(world&);
};
/// Every command with its weight.
const std::vector<command>& commands();
void run_random_command(world&);
/// Ceilings for a hold: of a key and of a user, for a day and for ever.
std::vector<troupe::spend_guard> any_guards(world&);
/// What a client asks for: applied to the store and, in the twin's own way, to the twin.
void request(world&, const troupe::change&);

}  // namespace simulate
