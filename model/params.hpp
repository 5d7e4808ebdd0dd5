// The `params` object of a job, by type: read and checked in one place, for the edge and the node alike.
// nlohmann/json is used in params.cpp only; everyone else carries the JSON text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/job_spec.hpp"

namespace troupe {

struct process_params {
  std::vector<std::string> command;  // argv; command[0] is a path or a name on the node's PATH
  std::map<std::string, std::string> env;
  std::string stdin_text;
  int64_t cpu_seconds = 0;  // 0: no limit
  int64_t memory_mb = 0;    // 0: no limit
  int64_t output_limit_bytes = 0;
  int64_t checkpoint_grace_ms = 0;  // from SIGTERM to SIGKILL when it is preempted
};

struct script_params {
  std::string content;
  std::string interpreter;  // an absolute path or a name on the node's PATH; default "/bin/sh"
  std::string filename;     // of the script in its work folder, default "script"
  std::vector<std::string> args;
  process_params limits;  // env, stdin and limits as for a process; command stays empty
};

struct inference_params {
  std::string model;
  bool chat = false;   // `messages` was given instead of `prompt`
  std::string prompt;  // text of the prompt; for chat the text of all messages, for counting only
  std::string body;    // the JSON body to send upstream (model, prompt|messages, max_tokens, temperature, ...)
  int64_t max_tokens = 1000;
};

struct docker_params {
  std::string image;
  std::vector<std::string> command;  // empty: the image's own
  std::map<std::string, std::string> env;
  int32_t gpus = 0;       // whole devices
  int64_t memory_mb = 0;  // 0: no limit
  int64_t cpus = 0;       // 0: no limit
  std::string network;    // "none" or "bridge"
  int64_t output_limit_bytes = 0;
};

struct noop_params {
  int64_t duration_ms = 0;
};

struct job_params {
  std::variant<process_params, script_params, inference_params, docker_params, noop_params> by_kind;
  int64_t timeout_ms = 0;  // `timeout_seconds` in ms, default limits::timeout_ms_default
};

/// Checks everything a stranger can get wrong; the failure names the field.
/// `training` is refused as invalid: no executor runs it yet.
outcome<job_params> read_params(job_kind, std::string_view json_text);

}  // namespace troupe
