// Small tables, rarely written; each check names what stands in the way.
#include "persistence/people_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

std::string lower_case(std::string_view x) {
  std::string low{x};
  for (auto& c : low)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return low;
}

people_book::people_book(connection& db)
    : any_user_{db, "SELECT 1 FROM users WHERE id=?"},
      any_login_{db,
                 "SELECT 1 FROM users WHERE email=? AND email<>'' UNION ALL"
                 " SELECT 1 FROM users WHERE username=? AND username<>''"},
      insert_user_{db, "INSERT INTO users(" + user_columns + ") VALUES(" + marks(8) + ")"},
      update_tier_{db, "UPDATE users SET tier=? WHERE id=?"},
      any_api_key_{db, "SELECT 1 FROM api_keys WHERE id=?"},
      any_key_hash_{db, "SELECT 1 FROM api_keys WHERE key_hash=?"},
      insert_api_key_{db,
                      "INSERT INTO api_keys(id,user_id,key_hash,prefix,name,created_ms,expires_ms,revoked_ms)"
                      " VALUES(" +
                          marks(8) + ")"},
      revoke_api_key_{db, "UPDATE api_keys SET revoked_ms=? WHERE id=?"},
      insert_session_{db, "INSERT INTO sessions(id,user_id,created_ms,expires_ms,revoked_ms) VALUES(?,?,?,?,?)"},
      revoke_session_{db, "UPDATE sessions SET revoked_ms=? WHERE id=?"},
      find_node_{db,
                 "SELECT session_epoch,state,instance,gateway,(SELECT count(*) FROM gateways g WHERE g.id=n.gateway),"
                 "drain_until_ms"
                 " FROM nodes n WHERE id=?"},
      put_node_{db, "INSERT INTO nodes(" + node_columns + ") VALUES(" + marks_of(node_columns) +
                        ") ON CONFLICT(id) DO UPDATE SET"
                        " name=excluded.name, user_id=excluded.user_id, region=excluded.region, state=excluded.state,"
                        " session_epoch=excluded.session_epoch, instance=excluded.instance,"
                        " lease_until_ms=excluded.lease_until_ms, slots=excluded.slots, rate=excluded.rate,"
                        " gpus=excluded.gpus, labels=excluded.labels, models=excluded.models, seen_ms=excluded.seen_ms,"
                        " cpu_cores=excluded.cpu_cores, memory_mb=excluded.memory_mb, disk_mb=excluded.disk_mb,"
                        " devices=excluded.devices, metrics=excluded.metrics, gateway=excluded.gateway,"
                        " draining=CASE WHEN nodes.drain_until_ms>0 OR excluded.draining>0 THEN 1 ELSE 0 END"},
      touch_node_{db,
                  "UPDATE nodes SET state=?, lease_until_ms=?, seen_ms=?, metrics=?, draining="
                  "CASE WHEN drain_until_ms>0 OR CAST(? AS BIGINT)>0 THEN 1 ELSE 0 END WHERE id=? AND session_epoch=?"},
      drain_node_{db, "UPDATE nodes SET drain_until_ms=?, draining=? WHERE id=?"} {}

bool people_book::check(const change& c, change_result& r) {
  if (c.user && !check_user(*c.user, r)) return false;
  if (c.api_key && !check_api_key(*c.api_key, r)) return false;
  if (c.node && !check_node(*c.node, r)) return false;
  if (c.drains && !find_node_.any(c.drains->node_id))
    return refuse(r, errc::not_found, "there is no node " + c.drains->node_id);
  auto unknown = c.tier && !any_user_.any(c.tier->user_id) && !(c.user && c.user->id == c.tier->user_id);
  return !unknown || refuse(r, errc::not_found, "there is no user " + c.tier->user_id);
}

bool people_book::check_user(const user_row& u, change_result& r) {
  auto taken = any_user_.any(u.id) || any_login_.any(lower_case(u.email), lower_case(u.username));
  return !taken || refuse(r, errc::conflict, "already registered");
}

bool people_book::check_api_key(const api_key_row& k, change_result& r) {
  auto clash = !any_api_key_.any(k.id) && any_key_hash_.any(k.key_hash);
  return !clash || refuse(r, errc::conflict, "API key " + k.id + " has the hash of another");
}

bool people_book::check_node(const node_row& n, change_result& r) {
  int64_t epoch = 0, gateways = 0;
  std::string state, instance, gateway;
  find_node_.first([&](row& x) { x(epoch, state, instance, gateway, gateways, r.drain_until_ms); }, n.id);
  auto taken = gateways > 0 && gateway != n.gateway && state == "online" && instance != n.instance;
  if (n.session_epoch == 0 && taken)
    return refuse(r, errc::conflict, "another node named '" + n.name + "' is at another gateway");
  r.session_epoch = n.session_epoch == 0 ? epoch + 1 : epoch;
  if (n.session_epoch == 0 || n.session_epoch == epoch) return true;
  r.session_epoch = r.drain_until_ms = 0;
  return refuse(r, errc::stale, "node " + n.id + " has a newer session");
}

void people_book::write(const change& c, change_result& r) {
  if (c.user) {
    auto u = *c.user;
    u.email = lower_case(u.email);
    u.username = lower_case(u.username);
    insert_user_.run(u);
  }
  if (c.tier) update_tier_.run(c.tier->tier, c.tier->user_id);
  if (c.api_key) write_api_key(*c.api_key);
  if (c.session) write_session(*c.session);
  if (c.node) write_node(*c.node, r);
  if (c.drains) drain_node_.run(c.drains->until_ms, c.drains->until_ms > 0, c.drains->node_id);
}

void people_book::write_api_key(const api_key_row& k) {
  if (revoke_api_key_.run(k.revoked_ms, k.id) == 1) return;
  insert_api_key_.run(k.id, k.user_id, k.key_hash, k.prefix, k.name, k.created_ms, k.expires_ms, k.revoked_ms);
}

void people_book::write_session(const session_row& s) {
  if (revoke_session_.run(s.revoked_ms, s.id) == 1) return;
  insert_session_.run(s.id, s.user_id, s.created_ms, s.expires_ms, s.revoked_ms);
}

void people_book::write_node(const node_row& n, change_result& r) {
  if (n.session_epoch != 0) {
    touch_node_.run(n.state, n.lease_until_ms, n.seen_ms, n.metrics, n.draining, n.id, n.session_epoch);
    return;
  }
  auto joined = n;
  joined.session_epoch = r.session_epoch;
  put_node_.run(joined);
}

}  // namespace troupe::sql
