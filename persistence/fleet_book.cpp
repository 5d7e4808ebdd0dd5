// Node keys are given out once, and end at most earlier than said before. What is set of a node outlives its sessions.
#include "persistence/fleet_book.hpp"

#include "model/standing.hpp"
#include "persistence/fleet_columns.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

namespace {

std::string set_column(const char* column) {
  return std::string{"UPDATE node_records SET "} + column + "=? WHERE node_id=?";
}

}  // namespace

fleet_book::fleet_book(connection& db)
    : find_key_{db, "SELECT verifier,user_id,name FROM node_keys WHERE key_id=?"},
      insert_key_{db,
                  "INSERT INTO node_keys(" + node_key_columns + ") VALUES(" + marks(7) + ") ON CONFLICT DO NOTHING"},
      end_key_{db, "UPDATE node_keys SET ends_ms=?, revoked_ms=? WHERE key_id=? AND (ends_ms=0 OR ends_ms>?)"},
      find_node_{db, "SELECT state,seen_ms FROM nodes WHERE id=?"},
      any_record_{db, "INSERT INTO node_records(node_id) VALUES(?) ON CONFLICT DO NOTHING"},
      set_rate_{db, set_column("rate")},
      set_labels_{db, "UPDATE node_records SET labels=?, has_labels=1 WHERE node_id=?"},
      set_maintenance_{db, set_column("maintenance")},
      set_attestation_{db, set_column("attestation")},
      set_tpm_{db, set_column("has_tpm")},
      set_tee_{db, set_column("has_tee")},
      set_boot_{db, set_column("secure_boot")},
      reinstate_{db, "UPDATE node_records SET quarantined_ms=?, quarantined_until_ms=?, why='' WHERE node_id=?"},
      touch_{db, set_column("changed_ms")},
      show_rate_{db, "UPDATE nodes SET rate=? WHERE id=?"},
      show_labels_{db, "UPDATE nodes SET labels=? WHERE id=?"},
      remove_node_{db, "UPDATE nodes SET state='removed' WHERE id=?"},
      find_provider_{db, "SELECT id,user_id FROM providers WHERE id=? OR user_id=?"},
      put_provider_{db, "INSERT INTO providers(" + provider_columns + ") VALUES(" + marks(11) +
                            ") ON CONFLICT(id) DO UPDATE SET name=excluded.name, hostname=excluded.hostname,"
                            " ip_address=excluded.ip_address, location=excluded.location, gpus=excluded.gpus,"
                            " metadata=excluded.metadata, maintenance=excluded.maintenance,"
                            " changed_ms=excluded.changed_ms"},
      remove_provider_{db, "DELETE FROM providers WHERE id=?"},
      end_keys_{db, "UPDATE node_keys SET ends_ms=?, revoked_ms=? WHERE user_id=? AND (ends_ms=0 OR ends_ms>?)"},
      raise_role_{db, "UPDATE users SET role='provider' WHERE id=? AND role='user'"},
      lower_role_{db, "UPDATE users SET role='user' WHERE id=? AND role='provider'"},
      any_records_{db, "INSERT INTO node_records(node_id) SELECT id FROM nodes WHERE user_id=? ON CONFLICT DO NOTHING"},
      set_maintenance_of_all_{db,
                              "UPDATE node_records SET maintenance=?, changed_ms=?"
                              " WHERE node_id IN (SELECT id FROM nodes WHERE user_id=?)"} {}

bool fleet_book::check(const change& c, change_result& r) {
  if (c.node_key && !check_key(*c.node_key, r)) return false;
  if (c.provider && !check_provider(*c.provider, r)) return false;
  return !c.terms || check_terms(*c.terms, r);
}

bool fleet_book::check_key(const node_key_row& k, change_result& r) {
  node_key_row old;
  auto found = find_key_.first([&](row& x) { x(old.verifier, old.user_id, old.name); }, k.key_id);
  auto same = old.verifier == k.verifier && old.user_id == k.user_id && old.name == k.name;
  return !found || same || refuse(r, errc::conflict, "that node key is already given out");
}

bool fleet_book::check_terms(const node_terms& t, change_result& r) {
  std::string state;
  int64_t seen_ms = 0;
  auto known = find_node_.first([&](row& x) { x(state, seen_ms); }, t.node_id) && state != "removed";
  if (!known) return refuse(r, errc::not_found, "there is no node " + t.node_id);
  auto here = is_here(state, seen_ms, t.at_ms);
  return !t.removes || !here || refuse(r, errc::conflict, "the node is here: only one that is offline can be removed");
}

bool fleet_book::check_provider(const provider_write& p, change_result& r) {
  provider_row old;
  auto found = find_provider_.first([&](row& x) { x(old.id, old.user_id); }, p.row.id, p.row.user_id);
  if (p.removes && !found) return refuse(r, errc::not_found, "there is no provider " + p.row.id);
  auto same = old.id == p.row.id && old.user_id == p.row.user_id;
  return !found || same || refuse(r, errc::conflict, "this user is a provider already");
}

void fleet_book::write(const change& c) {
  if (c.node_key) {
    auto& k = *c.node_key;
    insert_key_.run(k);
    if (k.ends_ms != 0) end_key_.run(k.ends_ms, k.revoked_ms, k.key_id, k.ends_ms);
  }
  if (c.terms) write_terms(*c.terms);
  if (c.provider) write_provider(*c.provider);
}

void fleet_book::write_terms(const node_terms& t) {
  any_record_.run(t.node_id);
  if (t.rate) set_rate_.run(*t.rate, t.node_id);
  if (t.rate && *t.rate >= 0) show_rate_.run(*t.rate, t.node_id);
  if (t.labels) set_labels_.run(*t.labels, t.node_id);
  if (t.labels) show_labels_.run(*t.labels, t.node_id);
  if (t.maintenance) set_maintenance_.run(*t.maintenance, t.node_id);
  if (t.attestation) set_attestation_.run(*t.attestation, t.node_id);
  if (t.has_tpm) set_tpm_.run(*t.has_tpm, t.node_id);
  if (t.has_tee) set_tee_.run(*t.has_tee, t.node_id);
  if (t.secure_boot) set_boot_.run(*t.secure_boot, t.node_id);
  if (t.reinstates) reinstate_.run(t.at_ms, t.at_ms, t.node_id);
  touch_.run(t.at_ms, t.node_id);
  if (t.removes) remove_node_.run(t.node_id);
}

void fleet_book::write_provider(const provider_write& p) {
  auto& x = p.row;
  if (!p.removes) {
    put_provider_.run(x);
    raise_role_.run(x.user_id);
    if (p.sets_maintenance) any_records_.run(x.user_id);
    if (p.sets_maintenance) set_maintenance_of_all_.run(x.maintenance, x.changed_ms, x.user_id);
    return;
  }
  remove_provider_.run(x.id);
  end_keys_.run(x.changed_ms, x.changed_ms, x.user_id, x.changed_ms);
  lower_role_.run(x.user_id);
}

}  // namespace troupe::sql
