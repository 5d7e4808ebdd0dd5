// The rest of a change: users, their keys and sessions, and the nodes.
#pragma once

#include "persistence/sql.hpp"

#include "model/change.hpp"

namespace troupe::sql {

class people_book {
public:
  explicit people_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true.
  void write(const change&, change_result& r);

private:
  bool check_user(const user_row&, change_result&);
  bool check_api_key(const api_key_row&, change_result&);
  bool check_node(const node_row&, change_result&);
  void write_api_key(const api_key_row&);
  void write_session(const session_row&);
  void write_node(const node_row&, change_result&);

  statement any_user_, any_login_, insert_user_, update_tier_;
  statement any_api_key_, any_key_hash_, insert_api_key_, revoke_api_key_;
  statement insert_session_, revoke_session_;
  statement find_node_, put_node_, touch_node_, drain_node_;
};

/// How e-mail addresses and user names are stored and looked up.
std::string lower_case(std::string_view);

}  // namespace troupe::sql
