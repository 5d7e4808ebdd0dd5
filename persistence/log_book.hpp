// What attempts write. A piece is stored where the stream ends, or is there already, or comes too early.
#pragma once

#include <map>

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class log_book {
public:
  explicit log_book(connection&);

  /// Refuses whole: errc::stale for an attempt that is not the node's and a stream that is closed, conflict for a gap,
  /// invalid for a stream of another name, too_large beyond the bounds.
  bool check(const change&, change_result& r);
  void write(const change&);

private:
  struct stream {
    int64_t size = 0;
    bool closed = false, is_there = false;
  };
  stream find(const log_append&, const std::string& name);

  statement find_attempt_, find_stream_, sum_files_, count_streams_, insert_chunk_, put_stream_;
};

}  // namespace troupe::sql
