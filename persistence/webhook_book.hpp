// Webhooks, each step under its own condition. Written at once: the next step of the change sees it.
#pragma once

#include "model/change.hpp"
#include "model/webhook.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class webhook_book {
public:
  explicit webhook_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const webhook_step&, change_result& r);
  /// REQUIRES: `check` of the same step was true.
  void write(const webhook_step&);

private:
  bool check_one(const webhook_add&, change_result&);
  bool check_one(const webhook_set&, change_result&);
  bool check_one(const webhook_rotate&, change_result&);
  bool check_one(const webhook_remove&, change_result&);
  bool check_one(const webhook_move&, change_result&);
  void write_one(const webhook_add&);
  void write_one(const webhook_set&);
  void write_one(const webhook_rotate&);
  void write_one(const webhook_remove&);
  void write_one(const webhook_move&);

  statement count_, insert_, any_, set_, any_secret_, rotate_, remove_, forget_deliveries_;
  statement any_place_, move_, put_delivery_, prune_;
};

}  // namespace troupe::sql
