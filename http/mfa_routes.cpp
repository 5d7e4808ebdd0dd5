// Second factors: set up, verify, disable, backup codes. Contract section 2.4; every path also under /api.
#include "actors/password.hpp"
#include "config/base64.hpp"
#include "http/login_json.hpp"
#include "http/mfa_email.hpp"
#include "http/money_post.hpp"
#include "http/qr_png.hpp"
#include "http/totp.hpp"

namespace troupe {

namespace {

constexpr std::string_view issuer = "Troupe";
constexpr size_t method_bytes_max = 32, token_bytes_max = 64, password_bytes_max = 1024;

using view_fn = std::function<void(const mfa_view&)>;

void with_view(const call_ptr& c, view_fn next) {
  ask_store(
      c, [id = c->who->user_id](store_reader& db) { return db.identity().sign_in().mfa(id); },
      [next = std::move(next)](const mfa_view& view) { next(view); });
}

std::optional<failure> must_verify_first(const call& c) {
  if (!c.who->mfa_due) return std::nullopt;
  return failure{errc::forbidden, "MFA verification required", {}, {}, std::string{mfa_required_word}};
}

std::string account_of(const principal& who) { return who->email.empty() ? who->username : who->email; }

void refuse(const call_ptr& c, const failure& f, const mfa_view& view) { c->done(mfa_error(f, view, *c)); }

struct totp_setup {
  std::string secret;  // raw
  std::vector<std::string> codes, hashes;
};

void answer_setup(const call_ptr& c, const totp_setup& made) {
  auto uri = otpauth_uri(issuer, account_of(c->who), made.secret);
  c->reply(200, {{"method", totp_method},
                 {"secret", base32(made.secret)},
                 {"otpauth_uri", uri},
                 {"qr_code", base64(qr_png(uri))},
                 {"backup_codes", made.codes},
                 {"setup_complete", false},
                 {"message", "Scan the QR code with an authenticator app, then verify a code of it"}});
}

/// What is made here is worth nothing before a code of it was shown.
void set_up_totp(const call_ptr& c, const mfa_view& view) {
  if (view.is_enabled(totp_method))
    return c->refuse({errc::conflict, "totp is enabled already; disable it first", {}, {}});
  auto make = [id = c->who->user_id, first = !view.any()] {
    totp_setup made{random_bytes(totp_secret_bytes), {}, {}};
    if (first) made.codes = make_backup_codes();
    made.hashes = hash_codes(made.codes, id);
    return made;
  };
  on_identity(c, std::move(make), [c](const totp_setup& made) {
    factor_row row{c->who->user_id, std::string{totp_method}};
    row.secret = c->e.secrets->seal(made.secret, "mfa:" + row.id());
    change x;
    x.audit = audit_by(*c, row.user_id, "mfa.setup", row.id());
    commit_steps(c, std::move(x), {mfa_step{factor_setup{row, made.hashes}}}, [c, made] { answer_setup(c, made); });
  });
}

/// Enabled once the code that is sent here comes back.
void set_up_email(const call_ptr& c, const mfa_view& view) {
  if (view.is_enabled(email_method))
    return c->refuse({errc::conflict, "email is enabled already; disable it first", {}, {}});
  if (c->who->email.empty()) return c->refuse({errc::conflict, "your account has no e-mail address", {}, {}});
  auto make = [id = c->who->user_id, first = !view.any()] {
    totp_setup made;
    if (first) made.codes = make_backup_codes();
    made.hashes = hash_codes(made.codes, id);
    return made;
  };
  on_identity(c, std::move(make), [c, view](const totp_setup& made) {
    auto row = email_factor(*c->e.secrets, c->who->user_id, c->who->email);
    send_code(c, row, view, {mfa_step{factor_setup{row, made.hashes}}}, [c, made] {
      c->reply(200, {{"method", email_method},
                     {"backup_codes", made.codes},
                     {"setup_complete", false},
                     {"message", "A code was sent to your e-mail address: verify it"}});
    });
  });
}

void set_up(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto method = f.text("method", method_bytes_max);
  if (!method.empty() && method != totp_method && method != email_method) f.refuse("method must be totp or email");
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_person(c, [c, method] {
    if (auto bad = must_verify_first(*c)) return c->refuse(*bad);
    with_view(c, [c, method](const mfa_view& view) {
      method == email_method ? set_up_email(c, view) : set_up_totp(c, view);
    });
  });
}

void send_one(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto method = f.text("method", method_bytes_max);
  if (!method.empty() && method != email_method) f.refuse("method must be email");
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_person(c, [c] {
    with_view(c, [c](const mfa_view& view) {
      auto* factor = view.find(email_method);
      if (factor == nullptr) return c->refuse({errc::conflict, "email is not set up", {}, {}});
      send_code(c, *factor, view, {}, [c] {
        c->reply(200, {{"method", email_method}, {"message", "A code was sent to your e-mail address"}});
      });
    });
  });
}

void answer_verified(const call_ptr& c, const std::string& method) {
  forget(*c, c->who->user_id);
  auto& w = c->who;
  user_row user{w->user_id, w->email, w->username, w->organization, {}, w->role, w->tier, w->created_ms};
  c->reply(200, {{"verified", true},
                 {"method", method},
                 {"mfa_verified", true},
                 {"access_token", access_token(*c, user, session_of(*c), true)},
                 {"message", "Verified"}});
}

/// Commits what follows from a code, and says no when it was wrong.
void settle(const call_ptr& c, const mfa_view& view, const mfa_verdict& v, change x, std::vector<identity_step> more,
            std::function<void()> next) {
  if (v.no && !v.what) return refuse(c, *v.no, view);
  auto steps = v.what ? v.what->steps : std::vector<identity_step>{};
  if (!v.no) steps.insert(steps.end(), more.begin(), more.end());
  auto done = [c, view, no = v.no, next = std::move(next)] { no ? refuse(c, *no, view) : next(); };
  commit_steps(c, std::move(x), std::move(steps), std::move(done),
               [c, view](const failure& f) { refuse(c, mfa_failure(f), view); });
}

/// The first right code of a factor enables it. Any right code makes this session a verified one.
void verify(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  shown_code shown{f.text("method", method_bytes_max), f.text("token", token_bytes_max, true)};
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_person(c, [c, shown] {
    with_view(c, [c, shown](const mfa_view& view) {
      code_question q{c->who->user_id, session_of(*c), c->e.h.now_ms(), true};
      auto judge = [secrets = c->e.secrets, view, shown, q] { return judge_code(*secrets, view, shown, q); };
      on_identity(c, std::move(judge), [c, view, method = method_of(shown, view)](const mfa_verdict& v) {
        change x;
        x.audit = audit_by(*c, c->who->user_id, "mfa.verify", c->who->user_id + ":" + method, v.no ? "wrong" : "ok");
        settle(c, view, v, std::move(x), {}, [c, method] { answer_verified(c, method); });
      });
    });
  });
}

struct disable_wish {
  std::string method, password;
  shown_code shown;  // without a token: the one that this session has shown counts
};

/// A wrong password counts like a wrong code: who has taken over a session must not guess it here.
mfa_verdict judge_disable(const vault& secrets, const mfa_view& view, const disable_wish& wish, const user_row& user,
                          const code_question& q) {
  mfa_verdict v;
  if (view.locked_until(q.now_ms) == 0 && !check_password(user.password_hash, wish.password)) {
    v.no = failure{errc::unauthenticated, "Invalid credentials", {}, {}};
    v.what = std::make_shared<const identity_change>(identity_change{{mfa_step{factor_wrong{q.user_id, q.now_ms}}}});
    return v;
  }
  if (!wish.shown.token.empty() || view.locked_until(q.now_ms) != 0) return judge_code(secrets, view, wish.shown, q);
  return v;
}

void disable_one(const call_ptr& c, const disable_wish& wish, const mfa_view& view, const user_row& user) {
  if (view.find(wish.method) == nullptr) return c->refuse({errc::conflict, wish.method + " is not set up", {}, {}});
  code_question q{user.id, {}, c->e.h.now_ms()};
  auto judge = [secrets = c->e.secrets, view, wish, user, q] { return judge_disable(*secrets, view, wish, user, q); };
  on_identity(c, std::move(judge), [c, view, wish](const mfa_verdict& v) {
    change x;
    x.audit =
        audit_by(*c, c->who->user_id, "mfa.disable", c->who->user_id + ":" + wish.method, v.no ? "refused" : "ok");
    settle(c, view, v, std::move(x), {mfa_step{factor_drop{c->who->user_id, wish.method}}}, [c, wish] {
      forget(*c, c->who->user_id);
      c->reply(200, {{"method", wish.method}, {"message", wish.method + " is disabled"}});
    });
  });
}

void disable(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  disable_wish wish{f.text("method", method_bytes_max), f.text("password", password_bytes_max, true), {}};
  if (wish.method.empty()) wish.method = totp_method;
  if (wish.method != totp_method && wish.method != email_method) f.refuse("method must be totp or email");
  wish.shown = {f.text("token_method", method_bytes_max), f.text("token", token_bytes_max)};
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_person(c, [c, wish] {
    if (auto bad = must_verify_first(*c)) return c->refuse(*bad);
    with_view(c, [c, wish](const mfa_view& view) {
      ask(c, c->e.h.actors.reader(), find_user{c->who->user_id},
          [c, wish, view](const user_row& user) { disable_one(c, wish, view, user); });
    });
  });
}

void renew_backup_codes(const call_ptr& c) {
  with_person(c, [c] {
    if (auto bad = must_verify_first(*c)) return c->refuse(*bad);
    auto make = [id = c->who->user_id] {
      totp_setup made{{}, make_backup_codes(), {}};
      made.hashes = hash_codes(made.codes, id);
      return made;
    };
    on_identity(c, std::move(make), [c](const totp_setup& made) {
      change x;
      x.audit = audit_by(*c, c->who->user_id, "mfa.backup_codes", c->who->user_id);
      commit_steps(c, std::move(x), {mfa_step{backup_codes_put{c->who->user_id, made.hashes}}}, [c, made] {
        c->reply(200, {{"backup_codes", made.codes}, {"message", "Shown once: the old ones count no more"}});
      });
    });
  });
}

void show_status(const call_ptr& c) {
  with_view(c, [c](const mfa_view& view) {
    c->reply(200, {{"totp_enabled", view.is_enabled(totp_method)},
                   {"sms_enabled", false},
                   {"email_enabled", view.is_enabled(email_method)},
                   {"backup_codes_available", view.any() ? view.count(backup_method) : 0},
                   {"methods_available", methods_of(view)},
                   {"mfa_required", c->e.h.settings.require_mfa},
                   {"mfa_verified", c->who->mfa}});
  });
}

}  // namespace

void add_mfa_routes(std::vector<route>& rows) {
  struct entry {
    std::string_view verb, doc;
    std::vector<std::string_view> paths;
    std::function<void(call_ptr)> run;
  };
  const std::vector<entry> list{
      {"POST",
       "Begin with a second factor",
       {"/api/v1/auth/mfa/setup", "/api/auth/mfa/setup", "/auth/mfa/setup"},
       set_up},
      {"POST",
       "Show a code: enables what was set up, verifies this session",
       {"/api/v1/auth/mfa/verify", "/api/auth/mfa/verify", "/auth/mfa/verify"},
       verify},
      {"POST",
       "Disable a second factor; needs the password",
       {"/api/v1/auth/mfa/disable", "/api/auth/mfa/disable", "/auth/mfa/disable"},
       disable},
      {"POST", "Send a code by e-mail", {"/api/v1/auth/mfa/send", "/api/auth/mfa/send", "/auth/mfa/send"}, send_one},
      {"GET",
       "Ten new backup codes; the old ones end",
       {"/api/v1/auth/mfa/backup-codes", "/api/auth/mfa/backup-codes", "/auth/mfa/backup-codes"},
       renew_backup_codes},
      {"POST",
       "Ten new backup codes; the old ones end",
       {"/api/v1/auth/mfa/backup-codes", "/api/auth/mfa/backup-codes", "/auth/mfa/backup-codes"},
       renew_backup_codes},
      {"GET",
       "Which second factors there are",
       {"/api/v1/auth/mfa/status", "/api/auth/mfa/status", "/auth/mfa/status"},
       show_status},
  };
  for (auto& x : list)
    for (auto path : x.paths) rows.push_back({x.verb, path, access::user, x.doc, x.run});
}

}  // namespace troupe
