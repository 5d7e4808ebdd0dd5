// The part of a change about what became of a node's work. Counted per group of commits; strikes are written one by
// one, for there are few.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class record_book {
public:
  explicit record_book(connection&);

  void write(const change&);
  void flush();

private:
  struct counts {
    int64_t succeeded = 0, failed = 0, faults = 0, lost = 0, rejected = 0, late = 0, good = 0, bad = 0;
  };
  void count(const node_mark&);
  void strike(const node_mark&);
  void forgive(const node_mark&);
  int64_t strikes_of(const std::string& node_id, int64_t after_ms);

  std::map<std::string, counts> gathered_;  // in order of the ids, so that two gateways never wait for each other
  std::vector<node_mark> strikes_;
  bulk add_;
  statement add_strike_, prune_, count_, find_, sentence_, incidents_, take_back_, lift_;
};

}  // namespace troupe::sql
