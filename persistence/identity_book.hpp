// Steps of an identity_change, each under its own condition.
#pragma once

#include "model/identity.hpp"
#include "persistence/key_book.hpp"
#include "persistence/session_book.hpp"
#include "persistence/sql.hpp"

#include "model/change.hpp"
#include "persistence/mfa_book.hpp"
#include "persistence/sign_in_book.hpp"
#include "persistence/webhook_book.hpp"

namespace troupe::sql {

class identity_book {
public:
  explicit identity_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true.
  void write(const change&);

private:
  bool check_step(const user_patch&, change_result&);
  bool check_step(const session_step& x, change_result& r) { return sessions_.check(x, r); }
  bool check_step(const mfa_step& x, change_result& r) { return mfa_.check(x, r); }
  bool check_step(const sign_in_step& x, change_result& r) { return sign_in_.check(x, r); }
  bool check_step(const webhook_step& x, change_result& r) { return webhooks_.check(x, r); }
  void write_step(const user_patch&);
  void write_step(const session_step& x) { sessions_.write(x); }
  void write_step(const mfa_step& x) { mfa_.write(x); }
  void write_step(const sign_in_step& x) { sign_in_.write(x); }
  void write_step(const webhook_step& x) { webhooks_.write(x); }
  template <class Step>
  bool check_step(const Step& x, change_result& r) {
    return keys_.check(x, r);
  }
  template <class Step>
  void write_step(const Step& x) {
    keys_.write(x);
  }

  statement any_user_, other_admin_, is_admin_, patch_user_;
  key_book keys_;
  session_book sessions_;
  mfa_book mfa_;
  sign_in_book sign_in_;
  webhook_book webhooks_;
};

}  // namespace troupe::sql
