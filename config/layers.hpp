// INTERNAL to config: what was said about each option, by whom, and who wins. Nothing is checked but the names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace troupe {

struct setting {
  std::vector<std::string> values;  // several for a list only
  std::string from;                 // as a person knows it: "--listen", "TROUPE_LISTEN", "troupe.toml: listen"
};

using settings = std::map<std::string_view, setting>;  // by option name, which outlives it in the option table

/// Throws config_error for an unreadable file, an unknown key or a value of the wrong TOML type.
settings read_toml_file(const setting& file_name);

/// Flags > TROUPE_* > other names in the environment > TOML file. Options that nobody mentions are left out.
settings gather(const sources&);

/// "--listen: \"x\" is not HOST:PORT", with the value hidden when the option is secret.
config_error bad_value(const option&, const std::string& from, std::string_view value, std::string_view why);

}  // namespace troupe
