// The subcommands that ask once and print, and the choice between all of them.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "client/api.hpp"
#include "client/client.hpp"
#include "client/command.hpp"
#include "client/render.hpp"
#include "client/views.hpp"
#include "config/config.hpp"
#include "model/limits.hpp"

namespace troupe::client {
namespace {

constexpr auto default_url = "http://127.0.0.1:8080";

std::string value_or(const std::map<std::string, std::string>& from, const std::string& key, const std::string& other) {
  auto found = from.find(key);
  return found == from.end() || found->second.empty() ? other : found->second;
}

void print(world& w, const command& cmd, const json_answer& got, const std::string& text) {
  if (cmd.json)
    print_raw(w.io, got.text);
  else
    w.io.out << text << std::flush;
}

/// Shows what kind of value an option wants, without the checks that CLI11 would append.
class help_form : public CLI::Formatter {
public:
  help_form() { column_width(27); }
  std::string make_option_opts(const CLI::Option* option) const override {
    auto type = option->get_type_name();
    return type.empty() ? "" : " " + type.substr(0, type.find(':'));
  }
};

/// CLI11 ends a group with one empty line and begins the next with another.
std::string single_spaced(std::string text) {
  for (size_t at; (at = text.find("\n\n\n")) != std::string::npos;) text.erase(at, 1);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

struct entry {
  std::string_view name;
  int (*run)(world&, const arguments&);
};
constexpr entry entries[] = {{"submit", submit}, {"watch", watch},   {"cancel", cancel},
                             {"jobs", jobs},     {"wallet", wallet}, {"nodes", nodes}};

const entry* find_entry(const std::string& name) {
  auto found = std::find_if(std::begin(entries), std::end(entries), [&](auto& e) { return e.name == name; });
  return found == std::end(entries) ? nullptr : found;
}

std::string page_query(int limit, const std::string& status = {}) {
  auto query = "?limit=" + std::to_string(limit);
  return status.empty() ? query : query + "&status=" + percent_encode(status);
}

void add_limit(command& cmd, int& limit) {
  cmd.app.add_option("--limit", limit, "How many rows at most (default " + std::to_string(limit) + ")")
      ->check(CLI::Range(1, limits::page_rows_max))
      ->type_name("N");
}

size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return screen_columns_max;
  return std::min<size_t>(size.ws_col, screen_columns_max);
}

}  // namespace

command::command(const world& w, std::string name, const std::string& help, const std::string& footer)
    : app(help + "\n", std::move(name)),
      url_(value_or(w.environment, "TROUPE_URL", default_url)),
      api_key_(value_or(w.environment, "TROUPE_API_KEY", "")) {
  app.footer(footer.empty() ? "" : "\n" + footer);
  app.formatter(std::make_shared<help_form>());
}

bool command::parse(arguments args, console& io) {
  auto group = "Server";
  app.add_option("--url", url_, "The server (default TROUPE_URL, or " + std::string(default_url) + ")")->group(group);
  app.add_option("--api-key", api_key_, "Who asks (default TROUPE_API_KEY)")->type_name("KEY")->group(group);
  app.add_flag("--json", json, "Print the server's JSON unchanged")->group(group);
  std::reverse(args.begin(), args.end());  // as CLI11 wants it
  try {
    app.parse(args);
  } catch (const CLI::CallForHelp&) {
    io.out << single_spaced(app.help()) << std::flush;
    return false;
  } catch (const CLI::ParseError& e) {
    throw bad_usage(std::string(e.what()) + " (see " + app.get_name() + " --help)");
  }
  return true;
}

server command::to() const { return parse_server(url_, api_key_); }

void print_raw(console& io, const std::string& text) {
  io.out << text << (text.ends_with('\n') ? "" : "\n") << std::flush;
}

std::string job_path(const std::string& id) {
  if (id.empty()) throw bad_usage("the job's id is empty");
  return "/api/v1/jobs/" + percent_encode(id);
}

int cancel(world& w, const arguments& args) {
  std::string id;
  command cmd(w, "troupe cancel", "Asks for a job to be stopped; what is not used of its hold is released.");
  cmd.app.add_option("JOB", id, "The job's id")->required()->type_name("");
  if (!cmd.parse(args, w.io)) return 0;
  auto got = call(cmd.to(), {"DELETE", job_path(id)});
  print(w, cmd, got, facts({{"job", plain(id)}, {"status", text_at(got.value, "status")}}));
  return 0;
}

int jobs(world& w, const arguments& args) {
  std::string id, status;
  int limit = 20;
  command cmd(w, "troupe jobs", "Lists your jobs, newest first, or shows one with its output.");
  auto one = cmd.app.add_option("JOB", id, "Show this one")->type_name("");
  cmd.app.add_option("--status", status, "Only these: queued, processing, completed, failed or cancelled")
      ->type_name("WORD")
      ->excludes(one);
  add_limit(cmd, limit);
  if (!cmd.parse(args, w.io)) return 0;
  bool single = one->count() > 0;
  auto got = call(cmd.to(), {"GET", single ? job_path(id) : "/api/v1/jobs" + page_query(limit, status)});
  print(w, cmd, got, single ? job_text(got.value) : jobs_table(got.value));
  return 0;
}

int wallet(world& w, const arguments& args) {
  bool transactions = false;
  int limit = 20;
  command cmd(w, "troupe wallet", "Shows what you have, what is held for running jobs, and what moved.");
  cmd.app.add_flag("--transactions", transactions, "List the wallet's transactions, newest first");
  add_limit(cmd, limit);
  if (!cmd.parse(args, w.io)) return 0;
  auto to = cmd.to();
  auto account = call(to, {"GET", "/api/v1/account"});
  if (cmd.json && !transactions) {
    print_raw(w.io, account.text);
    return 0;
  }
  auto user = percent_encode(first_text(account.value, {"id", "user_id"}));
  auto purse = call(to, {"GET", "/api/v1/billing/user/" + user + "/wallet"});
  if (!transactions) {
    w.io.out << wallet_text(account.value, purse.value) << std::flush;
    return 0;
  }
  auto id = percent_encode(first_text(purse.value, {"id", "wallet_id"}));
  auto got = call(to, {"GET", "/api/v1/billing/wallet/" + id + "/transactions" + page_query(limit)});
  print(w, cmd, got, transactions_table(got.value));
  return 0;
}

int nodes(world& w, const arguments& args) {
  command cmd(w, "troupe nodes", "Lists the nodes that run jobs, with their GPUs, prices and free slots.");
  if (!cmd.parse(args, w.io)) return 0;
  auto got = call(cmd.to(), {"GET", "/api/v1/providers"});
  print(w, cmd, got, nodes_table(got.value));
  return 0;
}

int run(const arguments& args, world& w) {
  auto name = args.empty() ? std::string() : args[0];
  auto chosen = find_entry(name);
  if (!chosen) {
    w.io.err << "troupe: no command \"" << plain(name) << "\": submit, watch, cancel, jobs, wallet or nodes\n"
             << std::flush;
    return 2;
  }
  auto prefix = "troupe " + name + ": ";
  try {
    return chosen->run(w, arguments(args.begin() + 1, args.end()));
  } catch (const bad_usage& e) {
    w.io.err << prefix << plain(e.what()) << std::endl;
    return 2;
  } catch (const trouble& e) {
    w.io.err << prefix << plain(e.what()) << std::endl;
    return 1;
  }
}

}  // namespace troupe::client

namespace troupe {

int run_client(const std::vector<std::string>& args) {
  bool terminal = isatty(STDOUT_FILENO) == 1;
  client::console io{std::cout, std::cerr, terminal, terminal ? client::terminal_columns() : size_t{10'000}};
  client::world w{process_environment(), io};
  return client::run(args, w);
}

}  // namespace troupe
