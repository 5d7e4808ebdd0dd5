// The part of an identity_change about sessions, passwords and signing keys, each step under its own condition.
#pragma once

#include "model/session_steps.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class session_book {
public:
  explicit session_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const session_step&, change_result& r);
  /// REQUIRES: `check` of the same step was true.
  void write(const session_step&);

private:
  bool check_step(const session_open&, change_result&);
  bool check_step(const session_refresh&, change_result&);
  bool check_step(const session_end&, change_result&);
  bool check_step(const password_write&, change_result&);
  bool check_step(const profile_write&, change_result&);
  bool check_step(const signing_key_add&, change_result&);
  void write_step(const session_open&);
  void write_step(const session_refresh&);
  void write_step(const session_end&);
  void write_step(const password_write&);
  void write_step(const profile_write&);
  void write_step(const signing_key_add&);

  statement status_, find_family_, find_password_, find_profile_, any_other_email_, any_other_name_, any_key_;
  statement insert_, crowd_out_, forget_, rotate_, end_, set_password_, set_profile_;
  statement insert_key_, retire_base_, retire_keys_;
};

}  // namespace troupe::sql
