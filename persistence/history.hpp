// The movements of an owner, newest first, as far back as somebody wants to look.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

class history {
public:
  explicit history(connection&);

  std::optional<transaction_row> find(const std::string& id);
  std::vector<balance_row> walk(const std::string& owner, const std::function<bool(const transaction_row&)>& take);

private:
  statement accounts_, row_, by_id_;
};

}  // namespace troupe::sql
