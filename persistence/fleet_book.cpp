// Node keys: given out once, and ended at most earlier than said before.
#include "persistence/fleet_book.hpp"

#include "persistence/fleet_columns.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

fleet_book::fleet_book(connection& db)
    : find_key_{db, "SELECT verifier,user_id,name FROM node_keys WHERE key_id=?"},
      insert_key_{db,
                  "INSERT INTO node_keys(" + node_key_columns + ") VALUES(" + marks(7) + ") ON CONFLICT DO NOTHING"},
      end_key_{db, "UPDATE node_keys SET ends_ms=?, revoked_ms=? WHERE key_id=? AND (ends_ms=0 OR ends_ms>?)"} {}

bool fleet_book::check(const change& c, change_result& r) {
  if (!c.node_key) return true;
  auto& k = *c.node_key;
  node_key_row old;
  auto found = find_key_.first([&](row& x) { x(old.verifier, old.user_id, old.name); }, k.key_id);
  auto same = old.verifier == k.verifier && old.user_id == k.user_id && old.name == k.name;
  return !found || same || refuse(r, errc::conflict, "that node key is already given out");
}

void fleet_book::write(const change& c) {
  if (!c.node_key) return;
  auto& k = *c.node_key;
  insert_key_.run(k);
  if (k.ends_ms != 0) end_key_.run(k.ends_ms, k.revoked_ms, k.key_id, k.ends_ms);
}

}  // namespace troupe::sql
