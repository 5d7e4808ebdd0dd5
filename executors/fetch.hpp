// One question to a server that the operator named. Addresses that users choose are not for this.
#pragma once

#include <cstdint>
#include <string>

namespace troupe {

struct fetch_ask {
  std::string url;
  std::string form;            // posted as application/x-www-form-urlencoded; empty: GET
  std::string user, password;  // HTTP Basic; empty: none
  int64_t timeout_ms = 10'000;
  size_t answer_bytes_max = 256 * 1024;
};

struct fetch_answer {
  int status = 0;  // 0: no answer
  std::string body;
  std::string trouble;  // no answer: why, without the address
};

/// Blocks for `timeout_ms` at most. No redirects, no proxy, certificates are checked. Thread-safe.
fetch_answer fetch(const fetch_ask&);

}  // namespace troupe
