// The mail goes out on errands' thread, the hash is made on identity's.
#include "http/mfa_email.hpp"

#include "actors/outside.hpp"
#include "actors/password.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

/// Six digits, each code as likely.
std::string make_code() {
  constexpr uint32_t codes = 1'000'000, fair = 0xffffffffu / codes * codes;
  for (;;) {
    uint32_t number = 0;
    for (auto c : random_bytes(4)) number = number << 8 | static_cast<uint8_t>(c);
    if (number >= fair) continue;
    auto text = std::to_string(number % codes);
    return std::string(6 - text.size(), '0') + text;
  }
}

std::optional<failure> not_now(const call& c, const mfa_view& view) {
  auto now = c.e.h.now_ms();
  if (c.e.h.settings.smtp_url.empty())
    return failure{errc::conflict, "no mail server is configured here", {}, {}, "EMAIL_NOT_CONFIGURED"};
  if (view.locked_until(now) != 0) return mfa_failure({errc::limit_exceeded, {}, {}, {}});
  if (auto sent = view.emailed_ms(); sent != 0 && now - sent < emailed_again_ms)
    return failure{errc::limit_exceeded, "a code was sent just now; wait half a minute", {}, {}, "EMAIL_CODE_RECENT"};
  return std::nullopt;
}

void keep_code(const call_ptr& c, const factor_row& to, const std::string& code, std::vector<identity_step> more,
               std::function<void()> next) {
  auto hash = [code, id = to.user_id] { return hash_code(code, id); };
  on_identity(c, std::move(hash),
              [c, to, more = std::move(more), next = std::move(next)](const std::string& x) mutable {
                more.push_back(mfa_step{email_code_put{to.user_id, x, c->e.h.now_ms()}});
                change what;
                what.audit = audit_by(*c, to.user_id, "mfa.send", to.id());
                commit_steps(c, std::move(what), std::move(more), std::move(next));
              });
}

}  // namespace

factor_row email_factor(const vault& secrets, const std::string& user_id, const std::string& address) {
  factor_row row{user_id, std::string{email_method}};
  row.secret = secrets.seal(address, "mfa:" + row.id());
  return row;
}

void send_code(const call_ptr& c, const factor_row& to, const mfa_view& view, std::vector<identity_step> more,
               std::function<void()> next) {
  if (auto bad = not_now(*c, view)) return c->done(mfa_error(*bad, view, *c));
  auto address = c->e.secrets->open(to.secret, "mfa:" + to.id());
  if (!address) return c->refuse({errc::internal, {}, {}, {}});
  auto code = make_code();
  auto& s = c->e.h.settings;
  mail_server server{s.smtp_url, s.smtp_user, s.smtp_password};
  mail letter{s.smtp_from, *address, "Your Troupe code",
              "Your Troupe verification code is " + code +
                  ". It is good once, for ten minutes.\r\n"
                  "If you did not ask for it, somebody knows your password.",
              c->e.h.now_ms()};
  auto trouble = std::make_shared<std::string>();
  do_work message{[server, letter, trouble] { *trouble = send_mail(server, letter); }};
  ask(c, c->e.h.actors.errands.get(), std::move(message),
      [c, to, code, trouble, more = std::move(more), next = std::move(next)](const work_done&) mutable {
        if (trouble->empty()) return keep_code(c, to, code, std::move(more), std::move(next));
        log::warn("the mail server does not take a code", {{"why", *trouble}});
        c->refuse({errc::unavailable, "the mail server does not answer as it should", {}, {}, "MAIL_SERVER_ERROR"});
      });
}

}  // namespace troupe
