// Jobs and events as the public API shows them, and the body of a submit as a submission.
#pragma once

#include "actors/messages.hpp"
#include "http/json.hpp"
#include "http/json_text.hpp"
#include "model/pricing.hpp"

namespace troupe {

void add_job(json_text&, const job_view&);
std::string job_text(const job_view&);
/// One frame of a stream.
std::string event_frame(const event_row&);
/// What a webhook is told of it; the same whenever it is told.
std::string webhook_body(const event_row&);

/// "on_top" | "inclusive".
std::string_view to_fee_mode(bool inclusive);
std::optional<bool> read_fee_mode(fields&);

/// Reads the body of `POST /api/v1/jobs`; times to wait count from now.
outcome<submission> read_submission(const json& body, time_ms now_ms);
/// The same from text; for timetables.
outcome<submission> read_submission_text(const std::string& body, time_ms now_ms);

/// The answer to a submit: everything in it is known before the commit, so that it can be stored with it.
json submitted_json(const job&, time_ms now_ms);

}  // namespace troupe
