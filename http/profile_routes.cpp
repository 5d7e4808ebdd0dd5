// What people change of themselves: profile and password.
#include "actors/password.hpp"
#include "config/world.hpp"
#include "http/fleet_routes.hpp"
#include "http/login_guard.hpp"
#include "http/login_json.hpp"
#include "model/identity.hpp"

namespace troupe {

namespace {

std::optional<std::string> given(fields& f, const json& body, const char* name, size_t bytes_max) {
  auto text = f.text(name, bytes_max);
  return body.contains(name) && !body[name].is_null() ? std::optional{text} : std::nullopt;
}

void update_profile(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto& object = std::get<json>(body);
  fields f{object};
  profile_write p{c->who->user_id, given(f, object, "email", email_bytes_max),
                  given(f, object, "username", name_bytes_max), given(f, object, "organization", name_bytes_max)};
  if (p.email && !p.email->empty() && !looks_like_email(*p.email)) f.refuse("email is not an e-mail address");
  if (!p.email && !p.username && !p.organization) f.refuse("send email, username or organization");
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto x = change_of(std::move(p));
  x.audit = audit_named(*c, "user.update", c->who->user_id);
  commit_change(c, std::move(x), [c] {
    forget(*c, c->who->user_id);
    ask(c, c->e.h.actors.reader(), find_user{c->who->user_id}, [c](const user_row& u) {
      auto answer = user_json(u);
      answer["message"] = "Profile updated";
      c->reply(200, answer);
    });
  });
}

void write_password(const call_ptr& c, const std::string& from_hash, const std::string& to_hash) {
  auto keep = session_of(*c);
  auto x = change_of(password_write{c->who->user_id, from_hash, to_hash, keep, c->e.h.now_ms()});
  x.audit = audit_named(*c, "password.change", c->who->user_id);
  commit_change(c, std::move(x), [c] {
    forget(*c, c->who->user_id);
    c->reply(200, {{"message", "Password changed; all other sessions have ended"}});
  });
}

struct password_wish {
  std::string old_one, new_one;
};

/// The old one is checked before the new one is hashed, both on the thread of `identity`.
void check_and_write(const call_ptr& c, const user_row& user, const password_wish& wish, const tell_outcome& tell_end) {
  auto fresh = std::make_shared<std::string>();  // stays empty: the old one is wrong
  do_work message{[fresh, wish, hash = user.password_hash] {
    if (check_password(hash, wish.old_one)) *fresh = hash_password(wish.new_one);
  }};
  ask_hash(c, std::move(message), [c, fresh, tell_end, hash = user.password_hash](const work_done&) {
    tell_end(fresh->empty() ? attempt_end::bad : attempt_end::good);
    if (!fresh->empty()) return write_password(c, hash, *fresh);
    change x;
    x.audit = audit_named(*c, "password.change", c->who->user_id, "forbidden");
    tell(c->e.h.actors.ledger.get(), commit_changes{{std::move(x)}});
    c->refuse({errc::forbidden, "the current password is wrong", {}, {}, "WRONG_PASSWORD"});
  });
}

void change_password(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  password_wish wish{f.text("current_password", password_bytes_max, true),
                     f.text("new_password", password_bytes_max, true)};
  if (wish.new_one.size() < password_bytes_min) f.refuse("new_password must have at least 8 characters");
  if (wish.new_one == wish.old_one) f.refuse("new_password is the current one");
  if (auto bad = f.problem()) return c->refuse(*bad);
  guarded_attempt(c, "user:" + c->who->user_id, [c, wish](const tell_outcome& tell_end) {
    ask(c, c->e.h.actors.reader(), find_user{c->who->user_id},
        [c, wish, tell_end](const user_row& user) { check_and_write(c, user, wish, tell_end); });
  });
}

}  // namespace

void add_profile_routes(std::vector<route>& rows) {
  for (auto path : {"/api/v1/auth/profile", "/auth/profile", "/api/users/me"})
    for (auto verb : {"PUT", "PATCH"})
      rows.push_back({verb, path, access::user, "Change e-mail, name or organization", update_profile});
  for (auto path : {"/api/v1/auth/change-password", "/api/auth/change-password", "/auth/change-password"})
    rows.push_back({"POST", path, access::user, "A new password; all other sessions end", change_password});
}

}  // namespace troupe
