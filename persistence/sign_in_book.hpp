// OAuth2 clients and logins at an OpenID Connect provider, each step under its own condition.
#pragma once

#include "model/change.hpp"
#include "model/identity.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class sign_in_book {
public:
  explicit sign_in_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const sign_in_step&, change_result& r);
  /// REQUIRES: `check` of the same step was true.
  void write(const sign_in_step&);

private:
  bool check_one(const client_add&, change_result&);
  bool check_one(const client_end&, change_result&);
  bool check_one(const client_session&, change_result&);
  bool check_one(const client_session_end&, change_result&) { return true; }
  bool check_one(const oidc_begin&, change_result&);
  bool check_one(const oidc_end&, change_result&);
  bool check_one(const oidc_link&, change_result&);
  void write_one(const client_add&);
  void write_one(const client_end&);
  void write_one(const client_session&);
  void write_one(const client_session_end&);
  void write_one(const oidc_begin&);
  void write_one(const oidc_end&);
  void write_one(const oidc_link&);

  statement count_clients_, insert_client_, any_client_, any_live_client_, end_client_, end_sessions_;
  statement mark_session_, forget_sessions_, end_session_;
  statement count_logins_, forget_logins_, insert_login_, any_login_, take_login_, any_link_, insert_link_;
};

}  // namespace troupe::sql
