// `troupe migrate`: the schema brought up to date, or a whole installation copied to another engine.
#include <iostream>
#include <map>

#include "commands.hpp"
#include "persistence/copy.hpp"

namespace troupe {

namespace {

constexpr std::string_view sqlite_prefix = "sqlite:";

std::unique_ptr<store> open_address(const std::string& address, bool must_exist) {
  if (address.starts_with(sqlite_prefix)) return open_store(address.substr(sqlite_prefix.size()), "", must_exist);
  if (!address.starts_with("postgres")) throw config_error{"an ADDRESS is sqlite:FOLDER or postgresql://..."};
  return open_store("", address, must_exist);
}

int copy(const std::string& from, const std::string& to) {
  auto source = open_address(from, true);
  auto target = open_address(to, false);
  auto done = copy_store(*source, *target, [](const std::string& table, int64_t rows) {
    std::cout << table << ": " << rows << " rows\n";
  });
  std::cout << "copied and verified on both sides: " << done.journal_rows << " journal rows, " << done.accounts
            << " accounts, " << done.holds << " holds, " << done.jobs << " jobs\n";
  return 0;
}

}  // namespace

int migrate_command(const config& c, const std::vector<std::string>& args) {
  std::map<std::string, std::string> given;
  for (size_t i = 0; i + 1 < args.size(); i += 2) given[args[i]] = args[i + 1];
  if (!given.empty()) return copy(given["--from"], given["--to"]);
  open_store(c.data_dir, c.database);
  std::cout << "the database is up to date\n";
  return 0;
}

}  // namespace troupe
