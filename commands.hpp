// The subcommands behind main: each returns the exit code of the process. The log is open when they are called.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace troupe {

/// The gateway. Returns after SIGTERM or SIGINT once all is drained.
int serve(const config&);

/// A worker process. REQUIRES: `join` is set and `slots` is not 0.
int run_node(const config&);

/// `verb` is "verify" or "export"; `args` is what stood beside the flags.
int ledger_command(const std::string& verb, const config&, const std::vector<std::string>& args);

/// `args` is empty, or "--from" ADDRESS "--to" ADDRESS.
int migrate_command(const config&, const std::vector<std::string>& args);

/// What `troupe cluster` is asked for. verb: "init" or "cert".
struct cluster_wish {
  std::string verb, folder, name;
  std::vector<std::string> hosts;
};
/// Throws config_error for a wish that cannot be granted.
int cluster_command(const cluster_wish&);

}  // namespace troupe
