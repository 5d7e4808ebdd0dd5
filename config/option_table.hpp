// INTERNAL to config: each option together with the member of `config` that it fills.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace troupe {

struct bounded {
  int64_t config::*at;
  int64_t min, max;
};

using target = std::variant<bool config::*, std::string config::*, endpoint config::*,
                            std::vector<std::string> config::*, bounded>;

struct binding {
  option about;
  target where;
};

const std::vector<binding>& bindings();
/// Null when there is none of that name.
const binding* find_binding(std::string_view name);

/// "cluster-listen" is `cluster_listen` in TOML and TROUPE_CLUSTER_LISTEN in the environment.
std::string toml_key(std::string_view name);
std::string variable_name(std::string_view name);

}  // namespace troupe
