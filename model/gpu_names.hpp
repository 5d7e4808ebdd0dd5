// What people, drivers and catalogues call one and the same GPU.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// A name as a key: lower case, nothing else changed.
std::string gpu_key(std::string_view name);

/// The key whose distinguishing words ("4090", "m2 ultra", "7900 xtx") stand side by side in the name, and whose
/// vendor the name does not contradict. The most words win, then the longest key, then the first in the alphabet;
/// empty when there is none. Whole words only: an L40S is no L40, a GH200 no H200.
std::string_view gpu_family(std::string_view name, const std::vector<std::string_view>& keys);

}  // namespace troupe
