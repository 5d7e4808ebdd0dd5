// A request to an address that a user chose: never to a private one, never further than that, never without an end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/outbound.hpp"

namespace troupe {

struct outbound_request {
  std::string method = "POST";
  outbound_url url;                  // from parse_outbound_url
  std::vector<std::string> headers;  // "Name: value"; REQUIRES: no line breaks
  std::string body;
  int64_t timeout_ms = 10'000;  // for all of it
  size_t answer_bytes_max = 64 * 1024;
  std::vector<std::string> names;  // "NAME:PORT:ADDRESS" instead of what a resolver says; for tests
};

enum class outbound_end {
  answered,   // any status; a redirect is an answer like others and is not followed
  refused,    // the name leads to an address that may not be reached; nothing was connected
  failed,     // no connection, a broken one, or no good certificate
  timed_out,  // not all of the answer came in time
  too_large,  // more answer than was wanted
};

struct outbound_answer {
  outbound_end end = outbound_end::failed;
  int status = 0;
  std::string body;
  std::string trouble;  // unless answered: why, without the URL (it may hold a secret)
};

/// Blocks for `timeout_ms` at most. Every address is judged at the moment of its own connect, so a name that leads
/// elsewhere the second time it is asked gains nothing. No proxy, no cookies, certificates are checked. Thread-safe.
outbound_answer call_outbound(const outbound_request&, const outbound_rules&);

/// For the moment when somebody hands in a URL: looks the name up and says what is wrong, empty when nothing is. A name
/// counts as bad when any of its addresses may not be reached. One that nobody knows may be known when it is called,
/// and is judged then. Blocks as long as the system's resolver does.
std::string outbound_problem(const outbound_url&, const outbound_rules&);

}  // namespace troupe
