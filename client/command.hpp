// What all subcommands share: where they write, the flags for the server, and the parsing of a command line.
#pragma once

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "client/http.hpp"
#include "client/stream.hpp"

namespace troupe::client {

struct console {
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // `out` is a terminal: a line may be drawn again
  size_t columns = 100;
};

struct world {
  std::map<std::string, std::string> environment;
  console io;
  follow_rules rules = {};
};

using arguments = std::vector<std::string>;

/// Flags and help of one subcommand. Its options are added to `app`; then parse() once.
class command {
public:
  command(const world&, std::string name, const std::string& help, const std::string& footer = "");

  CLI::App app;
  bool json = false;

  /// False: help was asked for and printed. Throws bad_usage.
  bool parse(arguments, console&);
  server to() const;

private:
  std::string url_, api_key_;
};

// One function a subcommand; `arguments` without its name. All return the exit code.
int submit(world&, const arguments&);
int watch(world&, const arguments&);
int cancel(world&, const arguments&);
int jobs(world&, const arguments&);
int wallet(world&, const arguments&);
int nodes(world&, const arguments&);

/// Follows a job to its end and prints how it ended: 0 completed, 1 otherwise.
int watch_job(world&, const server&, const std::string& job_id, bool json);

/// Everything behind run_client, with the outside world as a parameter.
int run(const arguments&, world&);

/// Prints the server's text unchanged, ended by a line end.
void print_raw(console&, const std::string& text);

/// The path of one job. Throws bad_usage for an empty id.
std::string job_path(const std::string& id);

}  // namespace troupe::client
