// A child is written with what its parents are at that moment, those that this very group ends included.
#include "persistence/dependency_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr int done_not = 0;
constexpr int done_well = 1;
constexpr int done_badly = 2;

int done_word(job_state parent) {
  if (!is_terminal(parent)) return done_not;
  return parent == job_state::succeeded ? done_well : done_badly;
}

}  // namespace

dependency_book::dependency_book(connection& db)
    : far_{db.kind() == engine::postgres},
      find_parent_{db, "SELECT user_id,state FROM jobs WHERE id=?"},
      any_undone_{db, "SELECT 1 FROM job_dependencies WHERE child=? AND done<>1 LIMIT 1"},
      any_unsuccessful_{db,
                        "SELECT 1 FROM job_dependencies d JOIN jobs p ON p.id=d.parent"
                        " WHERE d.child=? AND p.state<>8 LIMIT 1"},
      note_end_{db, "UPDATE job_dependencies SET done=? WHERE done=0 AND parent<<lite:=?>><<pg: = ANY(?::text[])>>"},
      forget_{db, "UPDATE job_dependencies SET done=3 WHERE child<<lite:=?>><<pg: = ANY(?::text[])>>"},
      insert_{db, "INSERT INTO job_dependencies(child,parent,done) VALUES(?,?,?)"} {}

/// As it is in this group.
bool dependency_book::find(const std::string& id, parent& found) {
  if (auto young = inserted_.find(id); young != inserted_.end())
    found = young->second;
  else if (!find_parent_.first([&](row& r) { r(found.user_id, found.state); }, id))
    return false;
  if (auto end = turned_.find(id); end != turned_.end()) found.state = end->second;
  return true;
}

bool dependency_book::check_parents(const job_insert& x, change_result& r) {
  if (x.row.state != job_state::blocked) return refuse(r, errc::invalid, "a job with parents must be blocked");
  for (const auto& id : x.spec.parents) {
    parent p;
    if (!find(id, p) || p.user_id != x.row.user_id)
      return refuse(r, errc::not_found, "depends_on: there is no job " + id);
    if (done_word(p.state) == done_badly)
      return refuse(r, errc::conflict, "depends_on: job " + id + " has ended as " + std::string{to_string(p.state)});
  }
  return true;
}

/// Into the queue only behind its parents, whatever an actor believes.
bool dependency_book::check_unblocked(const job& next, change_result& r) {
  if (is_terminal(next.state) || next.state == job_state::blocked || !any_undone_.any(next.id)) return true;
  return refuse(r, errc::conflict, "job " + next.id + " still depends on others");
}

bool dependency_book::check(const change& c, change_result& r) {
  if (c.submits && !c.submits->spec.parents.empty()) return check_parents(*c.submits, r);
  if (!c.moves) return true;
  const auto& next = c.moves->next;
  if (c.moves->redrives && any_unsuccessful_.any(next.id))
    return refuse(r, errc::conflict, "job " + next.id + " depends on one that did not succeed");
  return !c.moves->unblocks || check_unblocked(next, r);
}

void dependency_book::write(const change& c) {
  if (c.submits) {
    const auto& [row, spec] = *c.submits;
    if (far_) inserted_[row.id] = {row.user_id, row.state};
    auto waits = false;
    for (const auto& id : spec.parents) {
      parent p;
      find(id, p);
      insert_.add(row.id, id, done_word(p.state));
      waits = waits || !is_terminal(p.state);
    }
    if (!spec.parents.empty() && !waits) woke_ = true;
  }
  if (!c.moves) return;
  const auto& next = c.moves->next;
  if (is_terminal(next.state) || c.moves->redrives) turned_[next.id] = next.state;
  if (c.moves->unblocks && next.state != job_state::blocked) unblocked_.push_back(next.id);
}

void dependency_book::note_ends(const std::vector<std::string>& parents, int done) {
  if (parents.empty()) return;
  if (far_) {
    woke_ = note_end_.run(done, array_of(parents)) > 0 || woke_;
    return;
  }
  for (const auto& id : parents) woke_ = note_end_.run(done, id) > 0 || woke_;
}

void dependency_book::flush() {
  if (!insert_.flush()) throw store_unavailable{"a dependency was written by somebody else"};
  std::vector<std::string> well, badly;
  for (const auto& [id, state] : turned_)
    if (is_terminal(state)) (done_word(state) == done_well ? well : badly).push_back(id);
  note_ends(well, done_well);
  note_ends(badly, done_badly);
  if (far_ && !unblocked_.empty()) forget_.run(array_of(unblocked_));
  for (const auto& id : far_ ? std::vector<std::string>{} : unblocked_) forget_.run(id);
  inserted_.clear();
  turned_.clear();
  unblocked_.clear();
}

}  // namespace troupe::sql
