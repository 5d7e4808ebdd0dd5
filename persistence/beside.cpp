// One after another with the group commits of servers: SQLite's own lock, or the row that all gateways' groups lock.
#include "persistence/beside.hpp"

#include "persistence/audit_book.hpp"
#include "persistence/identity_book.hpp"
#include "persistence/people_book.hpp"

namespace troupe {

change_result apply_beside(store& s, const change& c, time_ms now_ms) {
  if (!c.transfers.empty() || c.opens || c.closes || c.submits || c.moves || !c.events.empty() || c.node || c.once)
    throw std::logic_error{"a change of people only"};
  auto db = s.open_for_copy();
  db->begin();
  sql::statement{*db, "SELECT 1 FROM writing WHERE one=1<<pg: FOR UPDATE>>"}.any();
  sql::people_book people{*db};
  sql::identity_book identity{*db};
  sql::audit_book trail{*db};
  change_result r;
  if (!people.check(c, r) || !identity.check(c, r)) return r;  // the connection ends, and with it the transaction
  people.write(c, r);
  identity.write(c);
  trail.write(c, now_ms);
  trail.flush();
  db->commit();
  return r;
}

}  // namespace troupe
