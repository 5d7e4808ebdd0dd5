// One session actor per credential (API key, login session): knows who it is and whether it still counts.
#include "actors/actors.hpp"
#include "actors/entities.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto idle_check = 30s;

struct session_state {
  session_state() = default;
  static inline const char* name = "session";
  house* h = nullptr;
  std::string credential;
  std::optional<principal> who;
  time_ms expires_ms = 0;
  bool reading = false;
  bool outdated = false;  // what is being read changed meanwhile
  bool leaving = false;
  std::vector<caf::typed_response_promise<principal>> waiting;
  int64_t used = 0, used_before = 0;
};

using session_pointer = session_actor::stateful_pointer<session_state>;

caf::error no_entry() { return to_error({errc::unauthenticated, "Invalid or expired credential", {}, {}}); }

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
  if (good) {
    auto key_id = s.credential.starts_with("key:") ? row.credential_id : std::string{};
    s.who = principal{row.user.id,   row.user.email, row.user.username,   row.user.organization, row.user.role,
                      row.user.tier, s.credential,   row.user.created_ms, std::move(key_id),     row.limits,
                      row.rules,     row.mfa,        row.mfa_due};
    s.expires_ms = row.expires_ms;
  } else {
    let_go(self);
  }
  for (auto& p : waiting) good ? p.deliver(*s.who) : p.deliver(no_entry());
  rest(self);
}

void not_learned(session_pointer self, const caf::error& why) {
  auto& s = self->state;
  s.reading = s.outdated = false;
  auto unknown = to_failure(why).code == errc::not_found;
  for (auto& p : std::exchange(s.waiting, {})) p.deliver(unknown ? no_entry() : why);
  let_go(self);
  rest(self);
}

void read_credential(session_pointer self) {
  self->request(self->state.h->actors.reader(), store_limit, find_credential{self->state.credential})
      .then([self](const credential_row& row) { learned(self, row); },
            [self](const caf::error& why) { not_learned(self, why); });
}

/// Before it is known whose session this is, it may be that user's.
void forget(session_pointer self, const std::string& user_id) {
  auto& s = self->state;
  s.outdated = s.reading;
  if (s.who && s.who->user_id == user_id) s.who.reset();
}

caf::result<principal> let_in(session_pointer self) {
  auto& s = self->state;
  s.used += 1;
  if (s.who) {
    if (s.expires_ms != 0 && s.expires_ms <= s.h->now_ms()) return no_entry();
    return *s.who;
  }
  auto promise = self->make_response_promise<principal>();
  s.waiting.push_back(promise);
  if (!std::exchange(s.reading, true)) read_credential(self);
  return promise;
}

void on_tick(session_pointer self) {
  auto& s = self->state;
  if (s.used == s.used_before && s.waiting.empty()) return let_go(self);
  s.used_before = s.used;
  self->delayed_send(self, idle_check, tick{});
}

session_actor::behavior_type session(session_pointer self, house* h, std::string credential) {
  self->state.h = h;
  self->state.credential = std::move(credential);
  self->delayed_send(self, idle_check, tick{});
  return {
      [self](const admit&) { return let_in(self); },
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
        self->state.live.let_go(self, x.credential);
        tell_others(self, x);
      },
      [self](const forget_user& x) {
        self->state.live.each([&](const session_actor& s) { self->send(s, x); });
        tell_others(self, x);
      },
      [self](const passivate& x) { self->state.live.let_go(self, x.id); },
  };
}

}  // namespace

sessions_actor spawn_sessions(house& h) { return h.system.spawn(sessions, &h); }

}  // namespace troupe
