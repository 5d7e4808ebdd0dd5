// The one list of ways things go wrong, and the one shape of an answer that may be wrong.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace troupe {

enum class errc : uint8_t {
  ok = 0,
  invalid,             // malformed: the caller can mend it
  unauthenticated,     // no credential, or a wrong one
  forbidden,           // a good credential that may not do this
  not_found,           // unknown, or not yours: the same answer on purpose
  conflict,            // breaks a rule of the thing's present state
  key_reused,          // an Idempotency-Key came again with another request
  insufficient_funds,  // carries `required` and `balance`
  limit_exceeded,      // a spend or withdrawal limit: a matter of time or of its owner, not of money
  queue_full,          // too many of one's jobs wait, or of all: try again later
  too_large,           // over a bound of model/limits.hpp
  stale,               // an old lease epoch or session epoch: nothing was changed
  rate_unknown,        // no price for that GPU or model
  unavailable,         // degraded, overloaded or restarting: try again later
  timeout,
  internal,
};

/// The stable word for machines, e.g. "insufficient_funds".
std::string to_string(errc);

struct failure {
  errc code = errc::internal;
  std::string detail;    // for a person: which thing, which value
  std::string required;  // insufficient_funds only: decimal text
  std::string balance;   // insufficient_funds only: decimal text
  std::string word;      // "WALLET_NOT_FOUND": says it closer than the code; empty: the code's own
};

template <class T>
using outcome = std::variant<T, failure>;

template <class I>
auto inspect(I& f, failure& x) {
  return f(x.code, x.detail, x.required, x.balance, x.word);
}

}  // namespace troupe
