// The audit trail: one line for each change that says who did it, in the same transaction, each chained to the last.
#pragma once

#include <optional>

#include "model/audit.hpp"
#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

template <class I>
auto inspect(I& f, audit_line& x) {
  return f(x.seq, x.at_ms, x.what.actor, x.what.credential, x.what.action, x.what.subject, x.what.outcome, x.what.ip,
           x.what.request_id, x.what.detail, x.hash);
}
inline constexpr const char* audit_columns =
    "seq,at_ms,actor,credential,action,subject,outcome,ip,request_id,detail,hash";

/// SHA-256 in hex over the hash before (empty for the first line) and each column but `hash`, numbers in decimal, each
/// written as LENGTH:TEXT and a comma, so that anybody can compute it.
std::string audit_hash(std::string_view previous, const audit_line&);

class audit_book {
public:
  explicit audit_book(connection&);

  void write(const change&, time_ms now_ms);
  /// REQUIRES: called before the commit. The next group reads the end anew: others write the trail, too.
  void flush();

private:
  struct end {
    int64_t seq = 0;
    std::string hash;
  };

  statement find_end_, put_end_;
  bulk insert_;
  std::optional<end> end_;  // of this group
};

}  // namespace troupe::sql
