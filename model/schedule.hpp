// A timetable of jobs: when it fires, what it does when it was late, and what became of each firing. Pure.
#pragma once

#include <string>

#include "model/job_spec.hpp"

namespace troupe {

/// What a firing does while the job of the one before is still under way.
enum class overlap_rule : uint8_t { allow, skip, cancel_previous };
std::string_view to_string(overlap_rule);
std::optional<overlap_rule> parse_overlap(std::string_view);

/// What happens after nobody was there to fire: nothing, or one job for all that was missed.
enum class catch_up_rule : uint8_t { none, one };
std::string_view to_string(catch_up_rule);
std::optional<catch_up_rule> parse_catch_up(std::string_view);

struct schedule {
  std::string id;  // "sch_..."
  std::string user_id, key_id, name;
  std::string cron;  // as it was written; UTC
  std::string job;   // JSON, as of `POST /api/v1/jobs`
  overlap_rule overlap = overlap_rule::allow;
  catch_up_rule catch_up = catch_up_rule::none;
  bool enabled = true;
  int64_t version = 0;               // rises by one with every write; the store compares it
  time_ms start_ms = 0, end_ms = 0;  // 0: open
  time_ms next_ms = 0;               // 0: never again, or paused
  time_ms last_ms = 0;               // the newest firing
  std::string last_job_id;           // the newest job
  std::string last_error;            // why the newest firing made no job
  time_ms created_ms = 0, changed_ms = 0;
};

/// One firing. There is one for each schedule and time, ever.
struct firing {
  std::string schedule_id;
  time_ms fire_ms = 0;  // the time of the timetable
  time_ms at_ms = 0;    // when it was done
  std::string job_id;   // empty: none, and `error` says why
  std::string error;
};

/// Compare-and-set on `version`; version 1 inserts.
struct schedule_write {
  schedule next;
  bool removes = false;  // it, and what is known of its firings
};

/// The first time after `after_ms` that the schedule asks for; 0: there is none, or it is paused.
/// REQUIRES: the cron text was parsed before.
time_ms next_firing(const schedule&, time_ms after_ms);

/// What a look at the clock says of a schedule whose time has come.
struct due_firing {
  time_ms fire_ms = 0;  // the newest time that has come
  bool missed = false;  // too long ago, and it does not catch up
};
/// REQUIRES: 0 < next_ms <= now_ms.
due_firing look_at(const schedule&, time_ms now_ms);

/// So late is still in time: a restart, a busy database.
inline constexpr time_ms firing_slack_ms = 60'000;

}  // namespace troupe
