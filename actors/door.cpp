// What is published at the cluster port: it outlives the registers behind it, so that nodes and gateways find replaced
// ones, too. Strangers get no further: a join must carry a proof over a nonce that was given here and is good once. All
// that a flood can make us remember is bounded, and a wrong key costs the one who tries it a second.
#include <deque>
#include <unordered_map>

#include "actors/actors.hpp"
#include "actors/cluster_port.hpp"
#include "actors/join_text.hpp"
#include "config/log.hpp"
#include "config/node_proof.hpp"
#include "persistence/node_reader.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto tick_pause = 1s;               // also how long a refusal is held back
constexpr int64_t challenge_ttl_ms = 30'000;  // a nonce is good for so long, and once
constexpr size_t challenges_max = 4096;       // outstanding ones; the oldest is forgotten
constexpr size_t lookups_max = 256;           // keys looked up at the same time
constexpr size_t held_max = 1024;             // refusals held back; beyond that they go at once
constexpr int64_t ticks_between_all = 60;
constexpr int told_max = 5;                     // refusals told of in the log each second, by name
constexpr int64_t clock_tolerance_ms = 60'000;  // gateways' clocks may differ so much

using welcome_promise = caf::typed_response_promise<node_welcome, node_port>;

struct given_nonce {
  std::string nonce;
  int64_t until_ms = 0;  // of the monotonic clock
};
struct held_refusal {
  welcome_promise promise;
  failure why;
};

struct door_state {
  door_state() = default;
  static inline const char* name = "door";
  house* h = nullptr;
  std::deque<given_nonce> order;                    // as given; used ones are still here until they are over
  std::unordered_map<std::string, int64_t> nonces;  // unused: until when
  size_t lookups = 0;
  std::vector<held_refusal> held;
  int refused = 0;      // since the last tick
  time_ms seen_ms = 0;  // what changed before is known; 0: nothing is
  int64_t ticks = 0;
};

using own_door_actor = door_actor::extend<told<tick>>;
using door_pointer = own_door_actor::stateful_pointer<door_state>;

challenge give_nonce(door_pointer self) {
  auto& s = self->state;
  auto now = s.h->steady();
  while (!s.order.empty() && (s.order.front().until_ms <= now || s.order.size() >= challenges_max)) {
    s.nonces.erase(s.order.front().nonce);
    s.order.pop_front();
  }
  challenge c{random_hex(16)};
  s.order.push_back({c.nonce, now + challenge_ttl_ms});
  s.nonces[c.nonce] = now + challenge_ttl_ms;
  return c;
}

/// True once for each nonce.
bool take_nonce(door_state& s, const std::string& nonce) {
  auto found = s.nonces.find(nonce);
  auto good = found != s.nonces.end() && s.h->steady() < found->second;
  if (found != s.nonces.end()) s.nonces.erase(found);
  return good;
}

bool is_malformed(const join_node& ask) {
  return ask.name.empty() || ask.name.size() > 256 || ask.slots < 1 || ask.slots > 100'000 || ask.rate < 0 ||
         ask.gpus.size() > 1024 || ask.labels.size() > 256 || ask.models.size() > 1024 || ask.key_id.size() > 64;
}

/// A failed join is answered with the next tick, so that trying keys is slow; nothing waits for it but the one who
/// asks.
void refuse(door_pointer self, const join_node& ask, welcome_promise promise, failure why) {
  auto& s = self->state;
  if (s.refused++ < told_max)
    log::warn("a node was refused", {{"name", ask.name.substr(0, 256)}, {"key_id", ask.key_id}, {"why", why.detail}});
  if (s.held.size() < held_max)
    s.held.push_back({std::move(promise), std::move(why)});
  else
    promise.deliver(to_error(why));
}

failure wrong(const char* why) { return {errc::unauthenticated, why, {}, {}}; }

void check_key(door_pointer self, const join_node& ask, const agent_port& agent, const node_key_row& key,
               welcome_promise promise) {
  auto& h = *self->state.h;
  if (!is_proof(key.verifier, join_text::of(ask), ask.proof)) return refuse(self, ask, promise, wrong("wrong proof"));
  auto ended = key.ends_ms != 0 && key.ends_ms <= h.now_ms();
  if (ended) return refuse(self, ask, promise, wrong("the node key has ended"));
  auto record = std::make_shared<node_record>();
  auto id = node_id_of(key.user_id, ask.name);
  read_store read{[=](store_reader& db) { *record = db.nodes().record(id); }};
  self->request(h.actors.reader(), store_limit, std::move(read))
      .then(
          [=](const read_done&) mutable {
            auto nodes = self->state.h->actors.nodes.get();
            if (nodes)
              promise.delegate(nodes, let_in{ask, key, *record}, agent);
            else
              promise.deliver(to_error({errc::unavailable, "the gateway is stopping", {}, {}}));
          },
          [=](const caf::error& why) mutable { promise.deliver(why); });
}

caf::result<node_welcome, node_port> join(door_pointer self, const join_node& ask, const agent_port& agent) {
  auto& s = self->state;
  auto promise = self->make_response_promise<node_welcome, node_port>();  // from here on only it can answer
  if (is_malformed(ask) || !agent)
    refuse(self, ask.key_id.size() > 64 ? join_node{} : ask, promise, {errc::invalid, "malformed join", {}, {}});
  else if (!take_nonce(s, ask.nonce))
    refuse(self, ask, promise, wrong("the challenge is unknown, used or too old"));
  else if (s.lookups >= lookups_max)
    promise.deliver(to_error({errc::unavailable, "too many joins at once", {}, {}}));
  else {
    ++s.lookups;
    self->request(s.h->actors.reader(), store_limit, find_node_key{ask.key_id})
        .then(
            [=](const node_key_row& key) {
              --self->state.lookups;
              check_key(self, ask, agent, key, promise);
            },
            [=](const caf::error& why) {
              --self->state.lookups;
              auto f = to_failure(why);
              refuse(self, ask, promise, f.code == errc::not_found ? wrong("unknown node key") : f);
            });
  }
  return promise;
}

/// Whatever gateway a key was ended at, or a node's record changed: every gateway finds out here, and tells its
/// register.
void look_at_store(door_pointer self) {
  auto& h = *self->state.h;
  auto now = h.now_ms();
  auto ended = std::make_shared<put_out>();
  auto changed = std::make_shared<records_changed>();
  auto since = std::max<time_ms>(0, self->state.seen_ms - clock_tolerance_ms);
  auto all = self->state.ticks++ % ticks_between_all == 0;  // reliability changes with every job: that is not told
  read_store ask{[=](store_reader& db) {
    ended->key_ids = db.nodes().ended_keys(since, now);
    if (!all) changed->records = db.nodes().changed_records(since, now);
    if (all)
      for (auto& [id, x] : db.nodes().records()) changed->records.push_back(x);
  }};
  self->request(h.actors.reader(), store_limit, std::move(ask))
      .then(
          [=](const read_done&) {
            self->state.seen_ms = now;
            auto nodes = self->state.h->actors.nodes.get();
            if (nodes && !ended->key_ids.empty()) self->send(nodes, *ended);
            if (nodes && !changed->records.empty()) self->send(nodes, *changed);
          },
          [](const caf::error&) {});  // the database is away: again at the next tick
}

void on_tick(door_pointer self) {
  auto& s = self->state;
  for (auto& x : std::exchange(s.held, {})) x.promise.deliver(to_error(x.why));
  auto more = std::exchange(s.refused, 0) - told_max;
  if (more > 0) log::warn("more nodes were refused", {{"count", std::to_string(more)}});
  look_at_store(self);
  turn_out_strangers(self->system());
  self->delayed_send(self, tick_pause, tick{});
}

own_door_actor::behavior_type door(door_pointer self, house* h) {
  self->state.h = h;
  self->delayed_send(self, tick_pause, tick{});
  return {
      [self](knock) { return give_nonce(self); },
      [self](const join_node& ask, const agent_port& agent) { return join(self, ask, agent); },
      [self](const meet_gateway& ask, const gate_actor& gate) -> caf::result<gateway_met, gate_actor> {
        auto gateways = self->state.h->actors.gateways.get();
        if (!gateways) return to_error({errc::unavailable, "this gateway has no others", {}, {}});
        return self->delegate(gateways, ask, gate);
      },
      [self](tick) { on_tick(self); },
  };
}

}  // namespace

door_actor spawn_door(house& h) { return h.system.spawn(door, &h); }

}  // namespace troupe
