// All that the naive side remembers. Copied as a whole before a group that is going to be lost.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulate/naive_books.hpp"
#include "tests/simulate/naive_job.hpp"

namespace simulate {

struct told_event {
  std::string job_id, kind;
  amount value = 0;
  bool last = false;  // of its job
};

struct node_seen {
  int64_t session = 0;
  std::string owner;
};

struct twin {
  naive_books books;
  std::map<std::string, naive_job> jobs;
  std::map<std::pair<std::string, std::string>, troupe::idempotency_row> answers;  // by scope and key
  std::map<std::string, std::string> logins;                                       // email to user
  std::map<std::string, node_seen> nodes;
  std::map<std::string, std::vector<told_event>> events;  // by user
};

}  // namespace simulate
