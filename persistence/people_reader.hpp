// People as an admin sees them: lists, one by one, their keys, and how many there are.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "persistence/store.hpp"

namespace troupe {

/// Empty and 0: any.
struct user_filter {
  std::string email;  // a part of the e-mail address or user name, in any case
  std::string tier, role, status;
  time_ms from_ms = 0, to_ms = 0;  // registered from <= t < to
  std::string before_id;           // newest first, ids below this one
  int32_t limit = 50;
};

/// Without the hash of the password.
struct known_user {
  user_row row;
  std::string status;  // active | suspended
  time_ms status_ms = 0;
  int64_t keys = 0;  // API keys that are not revoked
};

struct people_counts {
  int64_t all = 0, suspended = 0;
  std::map<std::string, int64_t> by_role, by_tier;
};

class people_reader {
public:
  virtual ~people_reader() = default;
  virtual std::vector<known_user> list(const user_filter&) = 0;
  virtual int64_t count(const user_filter&) = 0;  // of all pages
  virtual std::optional<known_user> find(const std::string& user_id) = 0;
  virtual std::vector<api_key_row> keys(const std::string& user_id) = 0;  // newest first, revoked ones too
  virtual std::optional<api_key_row> find_key(const std::string& id) = 0;
  virtual people_counts counts() = 0;
  virtual int64_t registered_since(time_ms) = 0;
  /// Users with usage on a day from this one on.
  virtual int64_t active_since(const std::string& day) = 0;
};

namespace sql {

/// REQUIRES: the connection lives longer.
std::unique_ptr<people_reader> open_people(connection&);

}  // namespace sql

}  // namespace troupe
