// Timetables and what became of each firing. A firing and the schedule's own row change in one transaction.
#pragma once

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class schedule_book {
public:
  explicit schedule_book(connection&);

  bool check(const change&, change_result& r);
  void write(const change&);

private:
  bool check_write(const schedule_write&, change_result&);

  statement find_, count_, any_firing_, insert_, update_, remove_, forget_firings_, insert_firing_;
};

}  // namespace troupe::sql
