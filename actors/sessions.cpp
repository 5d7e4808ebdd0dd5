// One session actor per credential (API key, login session): knows who it is and whether it still counts.
#include "actors/actors.hpp"
#include "actors/entities.hpp"
#include "model/identity.hpp"
#include "model/ip_range.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto idle_check = 30s;
constexpr int64_t believed_ms = 30'000;  // among several gateways: what was read so long ago is read anew

struct session_state {
  session_state() = default;
  static inline const char* name = "session";
  house* h = nullptr;
  std::string credential;
  std::optional<principal> who;
  time_ms expires_ms = 0;
  int64_t read_ms = 0;  // of the monotonic clock
  bool reading = false;
  bool outdated = false;  // what is being read changed meanwhile
  bool leaving = false;
  bool metered = false;  // it has limits: `quotas` counts its requests
  struct waiting_request {
    admit ask;
    caf::typed_response_promise<principal> promise;
  };
  std::vector<waiting_request> waiting;
  int64_t used = 0, used_before = 0;
};

using session_pointer = session_actor::stateful_pointer<session_state>;

caf::error no_entry() { return to_error({errc::unauthenticated, "Invalid or expired credential", {}, {}}); }

/// Why a credential that is good does not count here and now.
std::optional<failure> barred(const principal& who, const admit& ask) {
  if (!who->rules || ask.look) return std::nullopt;
  auto& networks = who->rules->networks;
  auto here = [&](const std::string& x) { return in_range(ask.ip, x); };
  if (!networks.empty() && std::none_of(networks.begin(), networks.end(), here))
    return failure{errc::forbidden, "this API key may not be used from your address", {}, {}, "ADDRESS_NOT_ALLOWED"};
  if (who->rules->must_sign && !ask.is_signed)
    return failure{errc::unauthenticated, "requests with this API key must be signed", {}, {}, "SIGNATURE_REQUIRED"};
  return std::nullopt;
}

void answer(session_pointer self, session_state::waiting_request& x) {
  auto& s = self->state;
  if (auto bad = barred(*s.who, x.ask))
    x.promise.deliver(to_error(*bad));
  else if (s.metered && !x.ask.look)
    x.promise.delegate(s.h->actors.quotas.get(), meter_request{*s.who, x.ask.stream});
  else
    x.promise.deliver(*s.who);
}

void rest(session_pointer self) {
  if (self->state.leaving && self->state.waiting.empty()) self->quit();
}

/// An unknown credential costs no actor: it is let go at once.
void let_go(session_pointer self) {
  self->send(self->state.h->actors.sessions.get(), passivate{self->state.credential});
}

void read_credential(session_pointer self);

void learned(session_pointer self, const credential_row& row) {
  auto& s = self->state;
  if (std::exchange(s.outdated, false)) return read_credential(self);
  s.reading = false;
  auto waiting = std::exchange(s.waiting, {});
  auto now = s.h->now_ms();
  auto good = row.revoked_ms == 0 && (row.expires_ms == 0 || row.expires_ms > now) && row.status == "active";
  s.read_ms = s.h->steady();
  if (good) {
    auto key_id = s.credential.starts_with("key:") ? row.credential_id : std::string{};
    s.who = principal{std::make_shared<const person>(
        person{row.user.id, row.user.email, row.user.username, row.user.organization, row.user.role, row.user.tier,
               s.credential, row.user.created_ms, std::move(key_id), row.limits, row.rules, row.mfa, row.mfa_due})};
    s.expires_ms = row.expires_ms;
    auto by_key = row.rules && row.rules->per_minute > 0;
    s.metered = by_key || rules_of(s.h->settings.tier_profile, row.user.tier).bounded();
  } else {
    s.who.reset();
    let_go(self);
  }
  for (auto& x : waiting) {
    if (good)
      answer(self, x);
    else
      x.promise.deliver(no_entry());
  }
  rest(self);
}

void not_learned(session_pointer self, const caf::error& why) {
  auto& s = self->state;
  s.reading = s.outdated = false;
  auto unknown = to_failure(why).code == errc::not_found;
  for (auto& x : std::exchange(s.waiting, {})) x.promise.deliver(unknown ? no_entry() : why);
  let_go(self);
  rest(self);
}

void read_credential(session_pointer self) {
  self->request(self->state.h->actors.reader(), store_limit, find_credential{self->state.credential})
      .then([self](const credential_row& row) { learned(self, row); },
            [self](const caf::error& why) { not_learned(self, why); });
}

/// The word that a credential has ended may not come through from another gateway.
bool is_believed(const session_state& s) {
  return s.who && (s.h->cluster.alone() || s.h->steady() - s.read_ms < believed_ms);
}

/// Before it is known whose session this is, it may be that user's.
void forget(session_pointer self, const std::string& user_id) {
  auto& s = self->state;
  s.outdated = s.reading;
  if (s.who && (*s.who)->user_id == user_id) s.who.reset();
}

caf::result<principal> let_in(session_pointer self, admit& ask) {
  auto& s = self->state;
  s.used += 1;
  if (is_believed(s)) {
    if (s.expires_ms != 0 && s.expires_ms <= s.h->now_ms()) return no_entry();
    if (auto bad = barred(*s.who, ask)) return to_error(*bad);
    if (s.metered && !ask.look) return self->delegate(s.h->actors.quotas.get(), meter_request{*s.who, ask.stream});
    return *s.who;
  }
  auto promise = self->make_response_promise<principal>();
  s.waiting.push_back({std::move(ask), promise});
  if (!std::exchange(s.reading, true)) read_credential(self);
  return promise;
}

/// Roughly, and not worth waiting for.
void note_use(session_pointer self) {
  auto& s = self->state;
  auto steps = std::make_shared<identity_change>();
  steps->steps.emplace_back(key_used{(*s.who)->key_id, s.h->now_ms()});
  change c;
  c.identity = std::move(steps);
  self->request(s.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then([](const commit_results&) {}, [](const caf::error&) {});
}

void on_tick(session_pointer self) {
  auto& s = self->state;
  if (s.used == s.used_before && s.waiting.empty()) return let_go(self);
  s.used_before = s.used;
  if (s.who && !(*s.who)->key_id.empty()) note_use(self);
  self->delayed_send(self, idle_check, tick{});
}

session_actor::behavior_type session(session_pointer self, house* h, std::string credential) {
  self->state.h = h;
  self->state.credential = std::move(credential);
  self->delayed_send(self, idle_check, tick{});
  return {
      [self](admit& ask) { return let_in(self, ask); },
      [self](const forget_user& x) { forget(self, x.user_id); },
      [self](tick) { on_tick(self); },
      [self](leave) {
        self->state.leaving = true;
        rest(self);
      },
  };
}

struct sessions_state {
  sessions_state() = default;
  static inline const char* name = "sessions";
  house* h = nullptr;
  entities<session_actor> live;
};

using sessions_pointer = sessions_actor::stateful_pointer<sessions_state>;

/// At every door at once.
template <class M>
void tell_others(sessions_pointer self, const M& x) {
  if (x.passed_on) return;
  for (auto& gate : self->state.h->cluster.others()) self->send(gate, x);
}

sessions_actor::behavior_type sessions(sessions_pointer self, house* h) {
  self->state.h = h;
  self->set_down_handler([self](const caf::down_msg& down) {
    std::string id;
    self->state.live.went_down(down, self->state.h->steady(), id);
  });
  return {
      [self](admit& ask) {
        auto& to = self->state.live.get(self, ask.credential, [self](const std::string& x) {
          return self->system().spawn(session, self->state.h, x);
        });
        return self->delegate(to, std::move(ask));
      },
      [self](const forget_credential& x) {
        self->state.h->refused.forget(x.credential);
        self->state.live.let_go(self, x.credential);
        tell_others(self, x);
        self->state.h->streams.look_at_credential(x.credential);
      },
      [self](const forget_user& x) {
        self->state.h->refused.forget_user(x.user_id);
        self->state.live.each([&](const session_actor& s) { self->send(s, x); });
        tell_others(self, x);
        self->state.h->streams.look_at_user(x.user_id);
      },
      [self](const passivate& x) { self->state.live.let_go(self, x.id); },
  };
}

}  // namespace

sessions_actor spawn_sessions(house& h) { return h.system.spawn(sessions, &h); }

}  // namespace troupe
