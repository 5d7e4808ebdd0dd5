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

/// `known` is empty, or "SEQ:HASH" of a line that must still be there.
int audit_command(const config&, const std::string& known);

/// What `troupe admin` is asked for. verb: "create-user" or "rotate-encryption-key".
struct admin_wish {
  std::string verb, email, username;
  std::string role = "admin";
};
/// Throws config_error for a wish that cannot be granted.
int admin_command(const config&, const admin_wish&);

/// What `troupe cluster` is asked for. verb: "init" or "cert".
struct cluster_wish {
  std::string verb, folder, name;
  std::vector<std::string> hosts;
};
/// Throws config_error for a wish that cannot be granted.
int cluster_command(const cluster_wish&);

}  // namespace troupe
