// The command line: finds the subcommand, collects its flags for config, and turns errors into exit codes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>

#include "client/client.hpp"
#include "commands.hpp"
#include "config/log.hpp"
#include "config/vault.hpp"
#include "config/warnings.hpp"
#include "config/world.hpp"
#include "executors/isolation.hpp"

namespace {

constexpr int bad_usage = 2;
constexpr int runtime_failure = 1;

struct client_word {
  const char* name;
  const char* help;
};
constexpr std::array client_words{
    client_word{"submit", "send a job to a gateway"},
    client_word{"watch", "follow a job until it ends"},
    client_word{"cancel", "stop a job"},
    client_word{"jobs", "list jobs"},
    client_word{"wallet", "show balances"},
    client_word{"nodes", "list the nodes of a gateway"},
};

struct usage_error : std::runtime_error {
  using runtime_error::runtime_error;
};

/// What the command line says, once read.
struct command_line {
  std::string command, verb;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> flags;
  troupe::cluster_wish cluster;
};

bool takes(const troupe::option& row, const std::string& command) {
  if (command == "config") return true;
  std::istringstream words{std::string{row.commands}};
  for (std::string word; words >> word;)
    if (word == command) return true;
  return false;
}

/// The option table decides what a command takes; whether a flag may come twice is for config to say.
void add_flags(CLI::App& to, const std::string& command, command_line& into) {
  for (auto& row : troupe::options()) {
    if (!takes(row, command)) continue;
    std::string name{row.name};
    if (row.shape == troupe::option_shape::flag) {
      auto set = [&into, name](int64_t times) { into.flags.emplace_back(name, times > 0 ? "true" : "false"); };
      to.add_flag_function("--" + name, set, std::string{row.help});
      continue;
    }
    CLI::callback_t collect = [&into, name](const CLI::results_t& texts) {
      for (auto& text : texts) into.flags.emplace_back(name, text);
      return true;
    };
    to.add_option("--" + name, collect, std::string{row.help})->take_all()->allow_extra_args(false)->type_name("VALUE");
  }
}

void add_command(CLI::App& app, const std::string& name, const std::string& help, command_line& into) {
  auto* command = app.add_subcommand(name, help);
  command->callback([&into, name] { into.command = name; });
  add_flags(*command, name, into);
}

void add_verb(CLI::App& command, const std::string& name, const std::string& help, command_line& into) {
  auto* verb = command.add_subcommand(name, help);
  auto owner = command.get_name();
  verb->callback([&into, owner, name] {
    into.command = owner;
    into.verb = name;
  });
  add_flags(*verb, owner, into);
  if (owner == "ledger") {
    auto form = name == "export" ? "--csv" : "--json";
    verb->add_flag_callback(
        form, [&into, form] { into.args.push_back(form); }, "print in this form");
  }
}

void add_migrate(CLI::App& app, command_line& into) {
  add_command(app, "migrate", "bring the database up to this version, or copy an installation", into);
  auto* command = app.get_subcommand("migrate");
  auto address = [&into, command](const std::string& name, const std::string& help) {
    CLI::callback_t keep = [&into, name](const CLI::results_t& texts) {
      into.args.insert(into.args.end(), {name, texts.at(0)});
      return true;
    };
    return command->add_option(name, keep, help)->type_name("ADDRESS");
  };
  auto* from = address("--from", "copy this installation: sqlite:FOLDER or postgresql://...");
  auto* to = address("--to", "into this empty one");
  from->needs(to);
  to->needs(from);
}

void add_cluster(CLI::App& app, command_line& into) {
  auto* cluster = app.add_subcommand("cluster", "make certificates for gateways and nodes")->require_subcommand(0, 1);
  auto& wish = into.cluster;
  auto verb = [&](const std::string& name, const std::string& help) {
    auto* command = cluster->add_subcommand(name, help);
    command->callback([&into, name] {
      into.command = "cluster";
      into.cluster.verb = name;
    });
    command->add_option("--out", wish.folder, "the folder of the CA and of all it signed")->required();
    command->add_option("--host", wish.hosts, "a name or IP address that gateways are reached by; may come twice")
        ->allow_extra_args(false);
    return command;
  };
  verb("init", "make a CA, a certificate for gateways and one for nodes");
  verb("cert", "make one more: with --host for a gateway, without for a node")
      ->add_option("--name", wish.name, "the name in it, and of its files")
      ->required();
}

void describe(CLI::App& app, command_line& into) {
  app.set_version_flag("--version", "troupe " TROUPE_VERSION);
  app.require_subcommand(0, 1);
  add_command(app, "serve", "run the gateway", into);
  add_command(app, "node", "run a worker for a gateway", into);
  auto* settings = app.add_subcommand("config", "look at the configuration")->require_subcommand(0, 1);
  add_verb(*settings, "show", "print each value and where it comes from", into);
  add_verb(*settings, "check", "exit 0 when the configuration is right, 2 when not", into);
  auto* ledger = app.add_subcommand("ledger", "look at the books")->require_subcommand(0, 1);
  add_verb(*ledger, "verify", "derive every balance again and check every invariant", into);
  add_verb(*ledger, "export", "print the journal", into);
  add_migrate(app, into);
  add_cluster(app, into);
  for (auto& word : client_words) app.add_subcommand(word.name, word.help);
}

/// Throws usage_error; for --help and --version it prints and returns no command.
command_line read(std::vector<std::string> args) {
  command_line line;
  CLI::App app{"Troupe: a job orchestrator that pays each job exactly once", "troupe"};
  describe(app, line);
  std::reverse(args.begin(), args.end());  // as CLI11 wants it
  try {
    app.parse(std::move(args));
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) throw usage_error{e.what()};
    app.exit(e);
    return {};
  }
  // Asked here, not of CLI11, which would not name a word that it does not know.
  if (line.command.empty()) throw usage_error{"a command is needed, see `troupe --help`"};
  return line;
}

void refuse_lonely_node(const troupe::config& c) {
  if (c.join.empty()) throw troupe::config_error{"--join: \"\" is not HOST:PORT, and a node needs a gateway to join"};
  if (c.slots == 0) throw troupe::config_error{"--slots: \"0\" leaves a node nothing to do"};
}

void open_log(const troupe::config& c) {
  using namespace troupe::log;
  open(parse_level(c.log_level).value(), parse_form(c.log_format).value());
}

int perform(const command_line& line) {
  troupe::sources from{line.flags, troupe::process_environment()};
  if (line.command == "cluster") return troupe::cluster_command(line.cluster);
  if (line.verb == "show") {
    std::cout << troupe::show_config(from);
    return 0;
  }
  auto c = troupe::load_config(from);
  if (line.command == "config" || line.command == "serve") troupe::refuse_examples(c);
  if (line.command == "config") {
    for (auto& text : troupe::config_facts(c)) std::cout << text << '\n';
    for (auto& text : troupe::config_warnings(c, troupe::wall_ms())) std::cout << "warning: " << text << '\n';
    for (auto& text : troupe::isolation_words()) std::cout << text << '\n';
    std::cout << "the configuration is fine\n";
    return 0;
  }
  if (line.command == "node") refuse_lonely_node(c);
  open_log(c);
  for (auto& text : troupe::config_warnings(c, troupe::wall_ms())) troupe::log::warn(text);
  if (line.command == "migrate") return troupe::migrate_command(c, line.args);
  if (line.command == "ledger") return troupe::ledger_command(line.verb, c, line.args);
  return line.command == "node" ? troupe::run_node(c) : troupe::serve(c);
}

int run(const std::vector<std::string>& args) {
  auto is_first = [&](const client_word& word) { return !args.empty() && args[0] == word.name; };
  if (std::any_of(client_words.begin(), client_words.end(), is_first)) return troupe::run_client(args);
  auto line = read(args);
  return line.command.empty() ? 0 : perform(line);
}

int report(int code, const char* what) {
  std::cerr << "troupe: " << what << '\n';
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const usage_error& e) {
    return report(bad_usage, e.what());
  } catch (const troupe::config_error& e) {
    return report(bad_usage, e.what());
  } catch (const std::exception& e) {
    return report(runtime_failure, e.what());
  }
}
