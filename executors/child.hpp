// A started program: leader of its own session and process group, with pipes to it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "executors/control_group.hpp"
#include "executors/descriptor.hpp"

namespace troupe {

struct launch {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // all of it; PATH is where command[0] is looked for
  std::string folder;                              // working folder
  bool with_stdin = false;                         // else it reads /dev/null
  int64_t cpu_seconds = 0;                         // per process, 0: no limit
  const control_group* group = nullptr;            // it joins; outlives the child
  bool private_ipc = false;                        // shared memory and queues of its own
};

struct launch_error {
  bool program_missing = false;  // not found or not executable: the job's fault, else the node's
  std::string text;
};

struct child_end {
  int status = 0;  // as of waitpid
  rusage used{};   // with all descendants it waited for
};

/// REQUIRES: start() and the destructor on one thread that lives as long as the program: the program dies with it.
class child {
public:
  child() = default;
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child();

  std::optional<launch_error> start(const launch&);

  pid_t id() const { return id_; }
  bool ended() const;
  const control_group* group() const { return group_; }
  /// Ends what is left of the session and of the group, then forgets the program. REQUIRES: ended().
  child_end reap();

  descriptor in, out, err;  // our ends, non-blocking
  descriptor end_event;     // readable when the program has ended; closed where the kernel has no pidfd

private:
  pid_t id_ = -1;
  const control_group* group_ = nullptr;
};

}  // namespace troupe
