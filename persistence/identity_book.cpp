// What is not set is left as it is by coalesce.
#include "persistence/identity_book.hpp"

#include "persistence/refusal.hpp"

namespace troupe::sql {

identity_book::identity_book(connection& db)
    : any_user_{db, "SELECT 1 FROM users WHERE id=?"},
      other_admin_{db, "SELECT 1 FROM users WHERE role='admin' AND status='active' AND id<>? LIMIT 1"},
      is_admin_{db, "SELECT 1 FROM users WHERE id=? AND role='admin' AND status='active'"},
      patch_user_{db,
                  "UPDATE users SET status_ms=CASE WHEN ?='' OR ?=status THEN status_ms ELSE ? END,"
                  " status=coalesce(nullif(?,''),status), role=coalesce(nullif(?,''),role),"
                  " tier=coalesce(nullif(?,''),tier), password_hash=coalesce(nullif(?,''),password_hash) WHERE id=?"},
      keys_{db},
      sessions_{db},
      mfa_{db},
      sign_in_{db},
      webhooks_{db} {}

bool identity_book::check(const change& c, change_result& r) {
  if (!c.identity) return true;
  for (auto& step : c.identity->steps)
    if (!std::visit([&](auto& x) { return check_step(x, r); }, step)) return false;
  return true;
}

void identity_book::write(const change& c) {
  if (!c.identity) return;
  for (auto& step : c.identity->steps) std::visit([&](auto& x) { write_step(x); }, step);
}

bool identity_book::check_step(const user_patch& x, change_result& r) {
  if (!any_user_.any(x.user_id)) return refuse(r, errc::not_found, "there is no user " + x.user_id);
  auto leaves = x.status.value_or("active") != "active" || x.role.value_or("admin") != "admin";
  if (leaves && is_admin_.any(x.user_id) && !other_admin_.any(x.user_id))
    return refuse(r, errc::conflict, "that is the last active admin");
  return true;
}

void identity_book::write_step(const user_patch& x) {
  auto status = x.status.value_or("");
  patch_user_.run(status, status, x.at_ms, status, x.role.value_or(""), x.tier.value_or(""),
                  x.password_hash.value_or(""), x.user_id);
}

}  // namespace troupe::sql
