// Billing sessions: written by compare-and-set on their version; what was agreed at the start is never written again.
#pragma once

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class rental_book {
public:
  explicit rental_book(connection&);

  /// Reads only. False: `r` says why not. True: `write` of the same change cannot be refused.
  bool check(const change&, change_result& r);
  void write(const change&);

private:
  bool may_start(const rental&, change_result&);

  statement find_, same_, allocated_, insert_, update_;
};

}  // namespace troupe::sql
