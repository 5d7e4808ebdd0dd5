// A job's life in the words of a person who counts grants and reads the price list: which message is believed, where
// the job stands then, and who is paid what. Written from the design, not from model/job.cpp.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/job.hpp"
#include "tests/simulate/naive_books.hpp"

namespace simulate {

using troupe::time_ms;

enum class spot { blocked, parked, waiting, offered, busy, stopping, over };
enum class ending { none, won, failed, cancelled, dead, expired };

inline bool has_node(spot x) { return x == spot::offered || x == spot::busy || x == spot::stopping; }

/// What follows from a message that was believed.
struct naive_step {
  bool believed = false;
  std::string told;  // the event for subscribers; empty: none
  bool pays = false;
  amount subtotal = 0, fee = 0;
  bool ends = false;
  amount grows = 0;  // what is to be held on top
};

struct naive_job {
  // As agreed.
  std::string id, user, hold_id;
  troupe::asset currency = troupe::asset::dgpu;
  bool by_token = false, fee_inside = false;
  amount price_in = 0, price_out = 0, price_cached = 0;
  int64_t min_tokens = 0, fee_bps = 0;
  amount hold = 0;
  int budget = 1;
  int64_t window_ms = 0, limit_ms = 0, patience_ms = 0;
  // As it went.
  spot at = spot::waiting;
  ending end = ending::none;
  int64_t grants = 0;  // and ends by force
  int64_t writes = 1;
  int starts = 0, vain = 0;
  std::string node, provider;
  amount rate = 0;
  time_ms granted_ms = 0, due_ms = 0;
  bool begun = false;
  int32_t progress = 0;
  amount cost = 0;
  bool has_result = false;
  bool grant_counts = false;                              // the newest grant may still be heard of when it was lost
  time_ms started_ms = 0, asked_ms = 0, loud_ms = 0;      // started, asked to stop, to be told of its silence
  std::map<std::string, std::pair<amount, amount>> owed;  // to providers of preempted attempts, and the fee on it
  std::vector<std::string> creditors;                     // in the order in which they came
  std::set<std::string> graves;
  int64_t kept = 0;  // the grant whose checkpoint is kept
  // While it waits.
  std::set<std::string> all_parents, parents, missed;  // that still live; that will never succeed
  bool pausing = false;                                // between two attempts
  time_ms expires_ms = 0;
  int priority = 5;

  amount owed_in_all() const {
    amount sum = 0;
    for (auto& [provider, x] : owed) sum += x.first + x.second;
    return sum;
  }
  /// `due_ms` of a pause is not foretold, only bounded: the world writes it down.
  naive_step hear(const troupe::any_job_input&, time_ms now);
};

}  // namespace simulate
