// The part of a change about who may bring nodes.
#pragma once

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class fleet_book {
public:
  explicit fleet_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true.
  void write(const change&);

private:
  statement find_key_, insert_key_, end_key_;
};

}  // namespace troupe::sql
