// The order of precedence: flags > TROUPE_* > other names in the environment > TOML file.
#include "config/layers.hpp"

#include <unistd.h>

#include "config/option_table.hpp"
#include "config/text.hpp"
#include "config/values.hpp"

namespace troupe {

namespace {

using environment_map = std::map<std::string, std::string>;

/// A variable set to nothing is as good as unset: that is how compose files and service units leave one out.
const std::string* find_variable(const environment_map& environment, std::string_view name) {
  auto found = environment.find(std::string{name});
  return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Lists are written with commas in a variable, or as a JSON array of plain strings: ["a","b"].
std::vector<std::string> values_of_variable(const option& about, const std::string& text) {
  if (about.shape != option_shape::list) return {text};
  auto inner = trimmed(text);
  auto is_array = inner.starts_with('[') && inner.ends_with(']') &&
                  (inner.size() == 2 || trimmed(inner.substr(1)).starts_with('"'));  // else "[::1]"
  if (is_array) inner = trimmed(inner.substr(1, inner.size() - 2));
  std::vector<std::string> values;
  if (is_array && inner.empty()) return values;
  for (auto part : split(inner, ',')) {
    part = trimmed(part);
    auto quoted = is_array && part.size() >= 2 && part.front() == '"' && part.back() == '"';
    values.emplace_back(quoted ? part.substr(1, part.size() - 2) : part);
  }
  return values;
}

/// TROUPE_* names that are not options: the client's own, and those of builds and tests.
bool is_exempt(std::string_view name) {
  return name == "TROUPE_URL" || name == "TROUPE_API_KEY" || name.starts_with("TROUPE_BUILD") ||
         name.starts_with("TROUPE_TEST");
}

void refuse_unknown_variables(const environment_map& environment) {
  for (auto& [name, value] : environment) {
    if (!name.starts_with("TROUPE_") || is_exempt(name)) continue;
    auto known = false;
    for (auto& row : options()) known = known || name == variable_name(row.name);
    if (!known) throw config_error{name + ": unknown variable, no option has that name"};
  }
}

void overlay_flags(settings& all, const sources& from) {
  settings given;
  for (auto& [name, text] : from.flags) {
    auto* row = find_binding(name);
    if (!row) throw config_error{"--" + name + ": unknown flag"};
    auto& entry = given[row->about.name];
    if (!entry.values.empty() && row->about.shape != option_shape::list)
      throw config_error{"--" + name + ": given twice"};
    entry.values.push_back(text);
    entry.from = "--" + name;
  }
  for (auto& [name, entry] : given) all[name] = entry;
}

void overlay_variables(settings& all, const environment_map& environment) {
  for (auto& row : options()) {
    auto name = variable_name(row.name);
    if (auto* text = find_variable(environment, name)) all[row.name] = {values_of_variable(row, *text), name};
  }
}

void overlay_aliases(settings& all, const environment_map& environment) {
  for (auto& row : options()) {
    if (row.name == "listen") continue;  // HOST and PORT are halves of it
    for (auto alias : row.aliases) {
      auto* text = find_variable(environment, alias);
      if (!text) continue;
      all[row.name] = {values_of_variable(row, *text), std::string{alias}};
      break;
    }
  }
}

/// HOST and PORT each replace their half of `listen`, whatever the file or the default says about the other.
void overlay_host_and_port(settings& all, const environment_map& environment) {
  auto* host = find_variable(environment, "HOST");
  auto* port = find_variable(environment, "PORT");
  if (!host && !port) return;
  auto& about = find_binding("listen")->about;
  auto listen = config{}.listen;
  if (auto below = all.find("listen"); below != all.end()) {
    auto& text = below->second.values.front();
    auto parsed = parse_endpoint(text);
    if (!parsed) throw bad_value(about, below->second.from, text, "is not HOST:PORT");
    listen = *parsed;
  }
  if (host) {
    if (!is_host(*host)) throw bad_value(about, "HOST", *host, "is not a host");
    listen.host = *host;
  }
  if (port) {
    auto parsed = parse_port(*port);
    if (!parsed) throw bad_value(about, "PORT", *port, "is not a port from 0 to 65535");
    listen.port = *parsed;
  }
  all["listen"] = {{to_string(listen)}, host && port ? "HOST and PORT" : host ? "HOST" : "PORT"};
}

bool says_listen(const settings& all) { return all.find("listen") != all.end(); }

}  // namespace

std::map<std::string, std::string> process_environment() {
  environment_map all;
  for (auto** at = environ; at && *at; ++at) {
    std::string_view entry{*at};
    auto equals = entry.find('=');
    if (equals != std::string_view::npos) all.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return all;
}

config_error bad_value(const option& about, const std::string& from, std::string_view value, std::string_view why) {
  return config_error{from + ": " + (about.secret ? "***" : in_quotes(value)) + " " + std::string{why}};
}

settings gather(const sources& from) {
  refuse_unknown_variables(from.environment);
  settings above;
  overlay_variables(above, from.environment);
  overlay_flags(above, from);
  settings all;
  if (auto file = above.find("config"); file != above.end()) all = read_toml_file(file->second);
  overlay_aliases(all, from.environment);
  if (!says_listen(above)) overlay_host_and_port(all, from.environment);
  for (auto& [name, entry] : above) all[name] = entry;
  return all;
}

}  // namespace troupe
