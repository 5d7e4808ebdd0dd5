// Reading the audit trail, and proving that nobody changed it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/audit.hpp"
#include "persistence/store.hpp"

namespace troupe {

class audit_reader {
public:
  virtual ~audit_reader() = default;
  /// Newest first, unless the filter says otherwise.
  virtual std::vector<audit_line> list(const audit_filter&) = 0;
};

/// A line that somebody wrote down earlier: it must still be there as it was.
struct audit_mark {
  int64_t seq = 0;
  std::string hash;
};

struct audit_verdict {
  int64_t lines = 0;
  audit_mark last;                    // write it down elsewhere: a trail that is cut off or made anew shows
  std::vector<std::string> breaches;  // at most 100, each names the line; empty: nobody changed the trail
};
/// Reads the whole trail in one snapshot; works beside a running server.
audit_verdict verify_audit(store&, const std::optional<audit_mark>& known = {});

namespace sql {

/// REQUIRES: the connection lives longer.
std::unique_ptr<audit_reader> open_audit(connection&);
audit_verdict verify_audit(connection&, const std::optional<audit_mark>& known = {});

}  // namespace sql

}  // namespace troupe
