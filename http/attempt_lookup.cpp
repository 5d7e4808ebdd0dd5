// Attempts are counted in the order in which nodes took them, through all lives of a job.
#include "http/attempt_lookup.hpp"

namespace troupe {

attempt_found find_attempt(store_reader& db, const attempt_query& q) {
  attempt_found x;
  x.job = db.logs().owner(q.job_id);
  x.visible = !x.job.user_id.empty() && (q.owner.empty() || q.owner == x.job.user_id);
  if (!x.visible) return x;
  x.all = db.logs().attempts(q.job_id);
  x.number = q.number == 0 ? std::ssize(x.all) : q.number;
  if (x.number == 0 || x.number > std::ssize(x.all)) {
    x.number = 0;
    return x;
  }
  x.it = x.all[static_cast<size_t>(x.number - 1)];
  for (auto& s : db.logs().streams(q.job_id))
    if (s.epoch == x.it.epoch) x.streams.push_back(std::move(s));
  return x;
}

std::optional<attempt_query> read_attempt_query(const call_ptr& c) {
  auto number = query_integer(c->request.query, "attempt", 1, 1'000'000'000, 0);
  if (number) return attempt_query{c->params["id"], c->who->role == "admin" ? std::string{} : c->who->user_id, *number};
  c->refuse({errc::invalid, "attempt must be a number from 1 on", {}, {}});
  return std::nullopt;
}

failure unknown_job() { return {errc::not_found, "Job not found", {}, {}}; }

failure unknown_attempt() { return {errc::not_found, "The job has no such attempt", {}, {}}; }

}  // namespace troupe
