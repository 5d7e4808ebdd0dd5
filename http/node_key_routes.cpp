// Node keys: made, shown once, replaced with an overlap, revoked.
#include "config/node_proof.hpp"
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/fleet_routes.hpp"
#include "http/money_post.hpp"

namespace troupe {

namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t hours_max = 10 * 366 * 24;
constexpr int64_t overlap_hours_max = 30 * 24;
constexpr size_t keys_max = 1'000;  // of one user, ended ones included

time_ms ends_after(fields& f, const call& c) {
  auto hours = f.integer("expires_in_hours", 1, hours_max, 0);
  return hours == 0 ? 0 : c.e.h.now_ms() + hours * hour_ms;
}

void make(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto name = f.text("name", 128);
  auto ends_ms = ends_after(f, *c);
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_provider(c, [=](const provider_row& p) { give_node_key(c, {p.user_id, name, ends_ms, json::object(), {}}); });
}

void list(const call_ptr& c) {
  with_provider(c, [c](const provider_row& p) {
    ask_store(
        c, [user = p.user_id](store_reader& db) { return db.nodes().node_keys(user); },
        [c](const std::vector<node_key_row>& keys) {
          auto rows = json::array();
          for (auto& k : keys) rows.push_back(node_key_json(k, c->e.h.now_ms()));
          auto total = rows.size();
          c->reply(200, {{"keys", std::move(rows)}, {"total", total}});
        });
  });
}

void with_key(const call_ptr& c, std::function<void(const node_key_row&)> next) {
  with_provider(c, [c, next = std::move(next)](const provider_row& p) {
    auto read = [id = c->params["key_id"]](store_reader& db) { return db.find_node_key(id); };
    ask_store(c, std::move(read), [c, p, next](const std::optional<node_key_row>& k) {
      if (!k || k->user_id != p.user_id) return c->refuse({errc::not_found, "Node key not found", {}, {}});
      next(*k);
    });
  });
}

/// The old key is good for a while yet, so that no node needs to leave.
void rotate(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto overlap_ms = f.integer("overlap_hours", 0, overlap_hours_max, 24) * hour_ms;
  auto ends_ms = ends_after(f, *c);
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_key(c, [=](node_key_row old) {
    auto now = c->e.h.now_ms();
    if (old.ends_ms != 0 && old.ends_ms <= now) return c->refuse({errc::conflict, "that key has ended", {}, {}});
    old.ends_ms = now + overlap_ms;
    json more{{"replaces", old.key_id}, {"old_key_ends_at", iso_time(old.ends_ms)}};
    give_node_key(c, {old.user_id, old.name, ends_ms, std::move(more), old});
  });
}

void revoke(const call_ptr& c) {
  with_key(c, [c](node_key_row k) {
    if (k.ends_ms == 0 || k.ends_ms > c->e.h.now_ms()) k.ends_ms = k.revoked_ms = c->e.h.now_ms();
    change x;
    x.node_key = k;
    commit_change(c, std::move(x), [c, k] {
      if (auto nodes = c->e.h.actors.nodes.get()) tell(nodes, put_out{{k.key_id}});
      c->reply(200, node_key_json(k, c->e.h.now_ms()));
    });
  });
}

}  // namespace

void give_node_key(const call_ptr& c, key_wish wish) {
  auto count_keys = [user = wish.user_id](store_reader& db) { return db.nodes().node_keys(user).size(); };
  ask_store(c, std::move(count_keys), [c, wish = std::move(wish)](size_t count) {
    if (count >= keys_max) return c->refuse({errc::conflict, "a thousand node keys are enough", {}, {}});
    auto secret = "nk_" + base64url(random_bytes(32));
    auto row = make_node_key(secret, wish.user_id, wish.name, c->e.h.now_ms());
    row.ends_ms = wish.ends_ms;
    std::vector<change> changes(wish.instead ? 2 : 1);
    changes[0].node_key = row;
    changes[0].audit = audit_of(*c, row.key_id, {{"user_id", row.user_id}});
    if (wish.instead) changes[1].node_key = wish.instead;
    commit_changes message{std::move(changes)};
    ask(c, c->e.h.actors.ledger.get(), std::move(message), [c, wish, row, secret](const commit_results& done) {
      if (done.results.at(0).why != errc::ok) return c->refuse(to_failure(done.results.at(0)));
      auto answer = node_key_json(row, c->e.h.now_ms());
      answer["key"] = secret;
      answer["message"] = "Keep the key: it is shown this once";
      answer.update(wish.more);
      c->reply(201, answer);
    });
  });
}

void add_node_key_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run,
                 std::string_view act = {}) {
    rows.push_back({verb, path, access::user, doc, run});
    rows.back().act = act;
  };
  add("POST", "/api/v1/providers/{id}/keys", "A key for nodes, shown once", make, "node_key.create");
  add("GET", "/api/v1/providers/{id}/keys", "The keys, without what opens", list);
  add("POST", "/api/v1/providers/{id}/keys/{key_id}/rotate", "A new key; the old one ends later", rotate,
      "node_key.rotate");
  add("DELETE", "/api/v1/providers/{id}/keys/{key_id}", "End it now: its nodes are put out", revoke, "node_key.revoke");
}

}  // namespace troupe
