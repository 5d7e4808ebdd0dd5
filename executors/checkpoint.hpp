// A folder as one string of bytes, and back: how what a program saved gets to another node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/error.hpp"

namespace troupe {

/// Its regular files with their paths and whether they may be run, in order; empty when there is none. Links and other
/// things are left out. A failure when it has more than `bytes_max`, or cannot be read.
/// REQUIRES: nothing writes there any more.
outcome<std::string> pack_folder(const std::string& folder, int64_t bytes_max);

/// Puts the files into a folder that is empty: what is wrong, or nothing. The bytes may be anybody's: no file ends up
/// outside the folder.
std::optional<std::string> unpack_folder(const std::string& folder, std::string_view packed);

}  // namespace troupe
