// Registers people and logs them in. On its own thread, because a password hash is meant to be slow.
#include "model/identity.hpp"
#include "actors/actors.hpp"
#include "actors/password.hpp"
#include "actors/sign_in_reads.hpp"
#include "config/refresh_token.hpp"
#include "model/audit.hpp"

namespace troupe {

namespace {

constexpr int64_t day_ms = 24LL * 3600 * 1000;

struct identity_state {
  identity_state() = default;
  static inline const char* name = "identity";
  house* h = nullptr;
  std::string decoy;  // hashed for an unknown login, so that it costs the same time
};

using identity_pointer = identity_actor::stateful_pointer<identity_state>;

api_key_row key_row(const std::string& secret, const std::string& user_id, const std::string& label, time_ms now_ms) {
  api_key_row row;
  row.id = new_id("key");
  row.user_id = user_id;
  row.key_hash = sha256_hex(secret);
  row.prefix = secret.substr(0, 12);
  row.name = label;
  row.created_ms = now_ms;
  return row;
}

std::string new_api_key() { return "fsk_" + base64url(random_bytes(32)); }

/// The entry of who asked, with what only the one who did it knows.
std::shared_ptr<const audit_entry> told_of(const std::shared_ptr<const audit_entry>& asked, const std::string& actor,
                                           const std::string& credential, const std::string& subject) {
  if (!asked) return nullptr;
  auto entry = std::make_shared<audit_entry>(*asked);
  if (entry->actor.empty()) entry->actor = actor;
  if (entry->credential.empty()) entry->credential = credential;
  entry->subject = subject;
  return entry;
}

/// Commits and answers with `answer` once it is durable.
template <class Answer>
void commit(identity_pointer self, change c, Answer answer, caf::typed_response_promise<Answer> promise) {
  self->request(self->state.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [promise, answer = std::move(answer)](const commit_results& done) mutable {
            auto& result = done.results.at(0);
            if (result.why == errc::ok)
              promise.deliver(std::move(answer));
            else
              promise.deliver(to_error(to_failure(result)));
          },
          [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
}

caf::result<registered> add_user(identity_pointer self, const register_user& ask) {
  auto promise = self->make_response_promise<registered>();
  auto now = self->state.h->now_ms();
  registered answer;
  answer.api_key = new_api_key();
  answer.user = {new_id("user"), ask.email, ask.username, ask.organization, hash_password(ask.password),
                 ask.role,       ask.tier,  now};
  change c;
  c.user = answer.user;
  c.api_key = key_row(answer.api_key, answer.user.id, "default", now);
  c.audit = told_of(ask.audit, answer.user.id, {}, answer.user.id);
  commit(self, std::move(c), std::move(answer), promise);
  return promise;
}

/// Commits what the second factor asks for on its own, then says no.
void keep_out(identity_pointer self, const mfa_verdict& v, caf::typed_response_promise<logged_in> promise) {
  if (!v.what) {
    promise.deliver(to_error(*v.no));
    return;
  }
  change c;
  c.identity = v.what;
  self->request(self->state.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [promise, no = *v.no](const commit_results& done) mutable {
            auto& result = done.results.at(0);
            promise.deliver(to_error(result.why == errc::ok ? no : to_failure(result)));
          },
          [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
}

void open_session(identity_pointer self, const user_row& user, const mfa_view& view, const log_in& ask,
                  caf::typed_response_promise<logged_in> promise) {
  auto now = self->state.h->now_ms();
  auto token = first_refresh_token();
  logged_in answer{user, new_id("ses"), now + self->state.h->settings.refresh_days * day_ms, token.text};
  mfa_verdict second;
  if (ask.second) second = ask.second(user, view, answer.session_id);
  if (!ask.second && view.any()) second.no = failure{errc::forbidden, "this user has a second factor", {}, {}};
  if (second.no) return keep_out(self, second, promise);
  answer.mfa = second.mfa;
  session_row row{answer.session_id, user.id, now, answer.expires_ms, 0};
  identity_change all{{session_step{session_open{row, token.family, token.hash, {}, "login", ask.ip, ask.agent}}}};
  if (second.what) all.steps.insert(all.steps.end(), second.what->steps.begin(), second.what->steps.end());
  change c;
  c.identity = std::make_shared<const identity_change>(std::move(all));
  c.audit = told_of(ask.audit, user.id, answer.session_id, user.id);
  commit(self, std::move(c), std::move(answer), promise);
}

void enter(identity_pointer self, const user_row& user, const log_in& ask,
           caf::typed_response_promise<logged_in> promise) {
  if (!check_password(user.password_hash, ask.password)) {
    promise.deliver(to_error({errc::unauthenticated, "Invalid credentials", {}, {}}));
    return;
  }
  auto view = std::make_shared<mfa_view>();
  read_store look{[view, id = user.id](store_reader& db) { *view = db.identity().sign_in().mfa(id); }};
  self->request(self->state.h->actors.reader(), store_limit, std::move(look))
      .then([=](const read_done&) { open_session(self, user, *view, ask, promise); },
            [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
}

caf::result<logged_in> check_login(identity_pointer self, const log_in& ask) {
  auto promise = self->make_response_promise<logged_in>();
  self->request(self->state.h->actors.reader(), store_limit, find_login{ask.login})
      .then([=](const user_row& user) { enter(self, user, ask, promise); },
            [=](const caf::error& why) mutable {
              if (to_failure(why).code != errc::not_found) {
                promise.deliver(why);
                return;
              }
              check_password(self->state.decoy, ask.password);
              promise.deliver(to_error({errc::unauthenticated, "Invalid credentials", {}, {}}));
            });
  return promise;
}

identity_actor::behavior_type identity(identity_pointer self, house* h) {
  self->state.h = h;
  self->state.decoy = hash_password(random_hex(16));
  return {
      [self](const register_user& ask) { return add_user(self, ask); },
      [self](const log_in& ask) { return check_login(self, ask); },
      [](const do_work& ask) {
        ask.work();
        return work_done{};
      },
  };
}

errands_actor::behavior_type errands() {
  return {[](const do_work& ask) {
    ask.work();
    return work_done{};
  }};
}

}  // namespace

identity_actor spawn_identity(house& h, run_on where) {
  if (where == run_on::own_thread) return h.system.spawn<caf::detached>(identity, &h);
  return h.system.spawn(identity, &h);
}

errands_actor spawn_errands(house& h, run_on where) {
  return where == run_on::own_thread ? h.system.spawn<caf::detached>(errands) : h.system.spawn(errands);
}

}  // namespace troupe
