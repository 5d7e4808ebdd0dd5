// Counts of a node rise in place; the third incident within the window begins a quarantine in the same transaction.
#include "persistence/record_book.hpp"

#include "model/fleet.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

/// "c=t.c+excluded.c" for each count, and for the recent past the same, halved when it has grown large.
std::string sums() {
  std::string text;
  for (auto* c : {"succeeded", "failed", "faults", "lost", "rejected", "late"})
    text += std::string{c} + "=node_records." + c + "+excluded." + c + ", ";
  auto all = "node_records.good+node_records.bad+excluded.good+excluded.bad";
  for (auto* c : {"good", "bad"}) {
    auto sum = std::string{"(node_records."} + c + "+excluded." + c + ")";
    text += std::string{c} + "=CASE WHEN " + all + ">" + std::to_string(fleet::recent_max) + " THEN " + sum +
            "/2 ELSE " + sum + " END" + (c == std::string_view{"good"} ? ", " : "");
  }
  return text;
}

}  // namespace

record_book::record_book(connection& db)
    : add_{db, "INSERT INTO node_records(node_id,succeeded,failed,faults,lost,rejected,late,good,bad) VALUES(" +
                   marks(9) + ") ON CONFLICT(node_id) DO UPDATE SET " + sums()},
      add_strike_{db, "INSERT INTO node_strikes(node_id,incident,job_id,at_ms) VALUES(?,?,?,?) ON CONFLICT DO NOTHING"},
      prune_{db, "DELETE FROM node_strikes WHERE node_id=? AND at_ms<=?"},
      count_{db, "SELECT count(DISTINCT incident) FROM node_strikes WHERE node_id=? AND at_ms>?"},
      find_{db, "SELECT quarantined_ms,quarantined_until_ms,quarantines FROM node_records WHERE node_id=?"},
      sentence_{db,
                "UPDATE node_records SET quarantined_ms=?, quarantined_until_ms=?, quarantines=?, why=?, changed_ms=?"
                " WHERE node_id=?"},
      incidents_{db, "SELECT DISTINCT node_id,incident FROM node_strikes WHERE job_id=? ORDER BY node_id,incident"},
      take_back_{db, "DELETE FROM node_strikes WHERE node_id=? AND incident=?"},
      lift_{db,
            "UPDATE node_records SET quarantined_until_ms=?, quarantines=quarantines-1, why='', changed_ms=?"
            " WHERE node_id=? AND quarantined_until_ms>?"} {}

void record_book::write(const change& c) {
  if (!c.mark) return;
  count(*c.mark);
  if (!c.mark->incident.empty() || c.mark->kind == node_mark_kind::forgiven) strikes_.push_back(*c.mark);
}

void record_book::count(const node_mark& m) {
  auto& n = gathered_[m.node_id];
  switch (m.kind) {
    case node_mark_kind::succeeded: n.succeeded += 1, n.good += 1; break;
    case node_mark_kind::failed: n.failed += 1; break;
    case node_mark_kind::fault: n.faults += 1, n.bad += 1; break;
    case node_mark_kind::lost: n.lost += 1, n.bad += 1; break;
    case node_mark_kind::rejected: n.rejected += 1; break;
    case node_mark_kind::late: n.late += 1, n.good += 1; break;
    case node_mark_kind::forgiven: n.lost += 1; break;
  }
}

int64_t record_book::strikes_of(const std::string& node_id, int64_t after_ms) {
  int64_t count = 0;
  count_.first([&](row& r) { r(count); }, node_id, after_ms);
  return count;
}

void record_book::strike(const node_mark& m) {
  prune_.run(m.node_id, m.at_ms - fleet::strike_window_ms);
  add_strike_.run(m.node_id, m.incident, m.job_id, m.at_ms);
  node_record old;
  find_.first([&](row& r) { r(old.quarantined_ms, old.quarantined_until_ms, old.quarantines); }, m.node_id);
  if (fleet::is_quarantined(old, m.at_ms)) return;
  auto strikes = strikes_of(m.node_id, old.quarantined_ms);
  if (strikes < fleet::strikes_max) return;
  auto next = fleet::next_quarantine(old, m.at_ms);
  auto why = std::to_string(strikes) + " faults or losses within ten minutes";
  sentence_.run(m.at_ms, next.until_ms, next.quarantines, why, m.at_ms, m.node_id);
}

/// A job that takes one node after the other with it is itself to blame.
void record_book::forgive(const node_mark& m) {
  std::vector<std::pair<std::string, std::string>> found;
  incidents_.each(
      [&](row& r) {
        auto& x = found.emplace_back();
        r(x.first, x.second);
      },
      m.job_id);
  for (auto& [node_id, incident] : found) {
    take_back_.run(node_id, incident);
    if (strikes_of(node_id, m.at_ms - fleet::strike_window_ms) < fleet::strikes_max)
      lift_.run(m.at_ms, m.at_ms, node_id, m.at_ms);
  }
}

void record_book::flush() {
  for (auto& [id, n] : gathered_)
    add_.add(id, n.succeeded, n.failed, n.faults, n.lost, n.rejected, n.late, n.good, n.bad);
  gathered_.clear();
  if (!add_.flush()) throw store_unavailable{"the record of a node could not be written"};
  for (auto& m : strikes_) m.kind == node_mark_kind::forgiven ? forgive(m) : strike(m);
  strikes_.clear();
}

}  // namespace troupe::sql
