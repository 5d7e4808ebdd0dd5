// The client for people and scripts: troupe submit | watch | cancel | jobs | wallet | nodes over REST and WebSocket.
#pragma once

#include <string>
#include <vector>

namespace troupe {

/// Runs one client subcommand and returns the process exit code: 0 fine, 2 bad usage, 1 the server refused or is away.
/// `args` starts with the subcommand's name. Reads TROUPE_URL and TROUPE_API_KEY through config.
int run_client(const std::vector<std::string>& args);

}  // namespace troupe
