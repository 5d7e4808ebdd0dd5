// What both programs do: worlds, one after the other, until the steps are used up or something is broken.
#pragma once

#include <cstdint>

namespace simulate {

struct options {
  uint64_t seed = 0;
  int64_t steps = 1'000'000;
  bool postgres = false;
};

/// Ends the process with 2 when the arguments are wrong.
options read_options(char** argv, options defaults);
/// The exit code.
int run(const options&);

}  // namespace simulate
