// What the actor of a live job remembers, and what its parts do for each other.
#pragma once

#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "actors/house.hpp"

namespace troupe {

using job_promise = caf::typed_response_promise<job_view>;

struct cancel_asked {
  std::string user_id;
  job_promise promise;
  bool taken = false;
};

struct job_actor_state {
  job_actor_state() = default;
  static inline const char* name = "job";

  house* h = nullptr;
  std::string id;
  bool loaded = false;
  bool reading = false;
  bool away = false;  // the database did not take a commit: read anew at the next tick
  bool leaving = false;
  bool passivating = false;
  job row;
  job_spec spec;
  int32_t in_flight = 0;
  int32_t answering = 0;            // reads for somebody who asked
  std::deque<any_job_input> stash;  // inputs that wait for the reading
  std::vector<cancel_asked> cancels;
  std::vector<std::pair<await_job, job_promise>> waiters;
  time_ms cancelling_ms = 0;
  time_ms ordered_ms = 0;  // when its node was last told to run it
  std::minstd_rand jitter;
};

using job_pointer = job_actor::stateful_pointer<job_actor_state>;

/// The machine hears the input; what follows is committed.
void take(job_pointer self, const any_job_input& input);

/// Lets the supervisor know when there is nothing left to do.
void rest(job_pointer self);
/// The job as it stands, result included. The actor stays until it has answered.
void answer_from_store(job_pointer self, job_promise promise, const std::string& user_id);
/// Those who wait for the end, when it has come.
void answer_waiters(job_pointer self);
/// A cancel counts only from the owner, so it waits until the job is known.
void take_cancels(job_pointer self);
void answer_cancels(job_pointer self);

}  // namespace troupe
