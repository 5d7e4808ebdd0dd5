// Whose an API key or a session is, and what it is good for.
#pragma once

#include <optional>
#include <string>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

class credential_lookup {
public:
  /// REQUIRES: the connection lives longer.
  explicit credential_lookup(connection&);

  /// Also by a secret that was replaced, until it ends.
  std::optional<credential_row> key(const std::string& hash);
  std::optional<credential_row> session(const std::string& id);

private:
  static std::optional<credential_row> find(statement&, const std::string& by);

  statement find_key_, find_old_key_, find_session_;
};

}  // namespace troupe::sql
