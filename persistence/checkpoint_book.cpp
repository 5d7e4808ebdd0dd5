// A piece is taken from the attempt that has the job, and from nobody else: a zombie cannot overwrite what counts.
#include "persistence/checkpoint_book.hpp"

#include "model/limits.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

checkpoint_book::checkpoint_book(connection& db)
    : put_{db,
           "INSERT INTO checkpoints(job_id,epoch,piece,pieces,bytes) VALUES(?,?,?,?,?)"
           " ON CONFLICT(job_id,epoch,piece) DO UPDATE SET pieces=excluded.pieces, bytes=excluded.bytes"},
      count_{db, "SELECT count(*) FROM checkpoints WHERE job_id=? AND epoch=? AND piece<?"},
      forget_older_{db, "DELETE FROM checkpoints WHERE job_id=? AND epoch<?"},
      forget_ended_{db,
                    "DELETE FROM checkpoints WHERE job_id=? AND EXISTS (SELECT 1 FROM jobs WHERE id=? AND ended>0)"} {}

bool checkpoint_book::check(const change& c, job_book& jobs, change_result& r) {
  if (!c.checkpoint) return true;
  const auto& x = *c.checkpoint;
  auto well_formed = x.index >= 0 && x.index < x.count && x.count <= limits::checkpoint_pieces_max &&
                     std::ssize(x.bytes) <= limits::checkpoint_piece_bytes;
  if (!well_formed) return refuse(r, errc::invalid, "that is no piece of a checkpoint");
  return jobs.has_open_attempt(x.job_id, x.epoch) ||
         refuse(r, errc::stale, "attempt " + std::to_string(x.epoch) + " of job " + x.job_id + " is over");
}

void checkpoint_book::write(const change& c) {
  if (!c.forgets_checkpoints.empty()) forget_ended_.run(c.forgets_checkpoints, c.forgets_checkpoints);
  if (!c.checkpoint) return;
  const auto& x = *c.checkpoint;
  put_.run(x.job_id, x.epoch, x.index, x.count, blob{x.bytes});
  if (x.index + 1 < x.count) return;
  int64_t there = 0;
  count_.first([&](row& r) { r(there); }, x.job_id, x.epoch, x.count);
  if (there == x.count) forget_older_.run(x.job_id, x.epoch);
}

}  // namespace troupe::sql
