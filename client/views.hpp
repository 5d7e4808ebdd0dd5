// The server's JSON as a person reads it: one function a kind of answer. Pure.
#pragma once

#include <string>

#include "client/api.hpp"
#include "client/stream.hpp"

namespace troupe::client {

std::string submitted_text(const json& answer);
std::string job_text(const json& job);  // facts, then output
std::string jobs_table(const json& page);
std::string wallet_text(const json& account, const json& wallet);
std::string transactions_table(const json& page);
std::string nodes_table(const json& page);

/// "2026-11-22 10:30:00  started    attempt 1, on node_1", without the line's end.
std::string event_line(const job_event&);
/// What an event says besides its type and time: "42 %, epoch 3, attempt 1".
std::string event_details(const job_event&);

/// True for the words after which a job does not change any more.
bool is_terminal(const std::string& status);

}  // namespace troupe::client
