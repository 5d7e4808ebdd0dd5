// A new key is known everywhere before it signs, and an old one is believed until its last token has ended.
#include "http/key_rotation.hpp"

#include <stdexcept>

#include "actors/session_reads.hpp"
#include "config/log.hpp"
#include "config/world.hpp"
#include "http/login_json.hpp"
#include "http/money_post.hpp"
#include "http/token_keys.hpp"
#include "model/identity.hpp"

namespace troupe {

namespace {

constexpr int64_t lead_ms = 10'000;  // other gateways look for keys every two seconds

/// As the store keeps it: sealed.
signing_key_row stored(const edge& e, signing_key_row row) {
  row.secret = e.secrets->seal(row.secret, "signing:" + row.kid);
  return row;
}

/// A key that cannot be opened signs nothing, and what it signed is not believed. A row without a secret says that
/// jwt_secret itself is retired.
std::vector<signing_key_row> opened(const edge& e, const std::vector<signing_key_row>& rows) {
  std::vector<signing_key_row> good;
  for (auto row : rows) {
    auto plain = row.secret.empty() ? row.secret : e.secrets->open(row.secret, "signing:" + row.kid);
    if (!plain) continue;
    row.secret = std::move(*plain);
    good.push_back(std::move(row));
  }
  return good;
}

signing_key_add new_key(const edge& e, std::string secret, time_ms now_ms) {
  auto& keys = *e.keys;
  auto kid = (keys.algorithm() == "RS256" ? "rs-" : "hs-") + random_hex(8);
  return {stored(e, {kid, keys.owner(), keys.algorithm(), std::move(secret), now_ms, 0}), {}, 0, true};
}

auto reading(const edge& e) {
  return [owner = e.keys->owner()](store_reader& db) { return db.identity().sessions().signing_keys(owner); };
}

template <class Handle, class M>
typename M::reply must(house& h, const Handle& to, M message) {
  auto answer = ask_and_wait(h, to, std::move(message));
  if (auto* bad = std::get_if<failure>(&answer)) throw std::runtime_error{"signing keys: " + bad->detail};
  return std::move(std::get<typename M::reply>(answer));
}

void read_now(edge& e) {
  auto rows = std::make_shared<std::vector<signing_key_row>>();
  must(e.h, e.h.actors.reader(), read_store{[rows, read = reading(e)](store_reader& db) { *rows = read(db); }});
  e.keys->take(opened(e, *rows));
}

struct rotation {
  std::string secret;
  bool end_old = false;
};

void write_rotation(const call_ptr& c, const rotation& wish) {
  auto& keys = *c->e.keys;
  auto now = c->e.h.now_ms();
  auto add = new_key(c->e, wish.secret, now);
  add.only_first = false;
  add.retires = keys.own_kid();
  if (!wish.end_old && !c->e.h.cluster.alone()) add.key.from_ms = now + lead_ms;
  add.others_end_ms = wish.end_old ? now : add.key.from_ms + c->e.h.settings.jwt_minutes * 60'000;
  json answer{{"kid", add.key.kid},
              {"algorithm", add.key.algorithm},
              {"signs_from", time_json(add.key.from_ms)},
              {"other_keys_end_at", time_json(add.others_end_ms)}};
  auto x = change_of(add);
  x.audit = audit_named(*c, "jwt.rotate", add.key.kid);
  commit_changes message{{std::move(x)}};
  ask(c, c->e.h.actors.ledger.get(), std::move(message), [c, answer](const commit_results& done) {
    if (done.results.at(0).why != errc::ok) return c->refuse(to_failure(done.results.at(0)));
    ask_store(c, reading(c->e), [c, answer](const std::vector<signing_key_row>& rows) {
      c->e.keys->take(opened(c->e, rows));
      c->reply(200, answer);
    });
  });
}

}  // namespace

void open_token_keys(edge& e) {
  read_now(e);
  if (e.keys->ready(e.h.now_ms())) return;
  auto add = new_key(e, fresh_signing_secret(e.keys->algorithm()), e.h.now_ms());
  auto done = must(e.h, e.h.actors.ledger.get(), commit_changes{{change_of(add)}});
  auto& result = done.results.at(0);
  if (result.why != errc::ok && result.why != errc::conflict)  // conflict: another gateway was quicker
    throw std::runtime_error{"signing keys: " + result.detail};
  read_now(e);
  if (!e.keys->ready(e.h.now_ms())) throw std::runtime_error{"there is no key to sign tokens with"};
}

void look_for_token_keys(edge& e) {
  auto rows = std::make_shared<std::vector<signing_key_row>>();
  read_store message{[rows, read = reading(e)](store_reader& db) { *rows = read(db); }};
  exchange(e.h, e.h.actors.reader(), std::move(message), no_limit, [&e, rows](const outcome<read_done>& answer) {
    if (std::holds_alternative<read_done>(answer)) e.keys->take(opened(e, *rows));
  });
}

void rotate_token_key(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto wish = std::make_shared<rotation>(rotation{{}, f.flag("end_old_now", false)});
  if (auto bad = f.problem()) return c->refuse(*bad);
  do_work message{[wish, algorithm = c->e.keys->algorithm()] { wish->secret = fresh_signing_secret(algorithm); }};
  ask(c, c->e.h.actors.identity.get(), std::move(message), [c, wish](const work_done&) { write_rotation(c, *wish); });
}

void list_token_keys(const call_ptr& c) {
  auto rows = json::array();
  for (auto& k : c->e.keys->rows())
    rows.push_back({{"kid", k.kid},
                    {"algorithm", k.algorithm},
                    {"signs_from", time_json(k.from_ms)},
                    {"ends_at", time_json(k.ends_ms)}});
  c->reply(200, {{"keys", std::move(rows)}, {"algorithm", c->e.keys->algorithm()}});
}

}  // namespace troupe
