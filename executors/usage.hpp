// What the processes of a session use, read from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace troupe {

struct usage {
  int64_t cpu_ms = 0;     // with that of ended children
  int64_t rss_bytes = 0;  // pages shared by several processes count in each
};

usage session_usage(pid_t session);

/// Memory with every shared page counted once, so that a fork alone does not look like twice the memory.
/// Much slower than session_usage().
int64_t session_fair_bytes(pid_t session);

/// Ends every process of the session but its leader's zombie, whatever process groups they made, and waits
/// a bounded time until they are gone. REQUIRES: the leader is our child and not reaped, so the number is still ours.
void kill_session(pid_t session);

}  // namespace troupe
