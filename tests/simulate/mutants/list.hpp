// The rules of the product, each broken once. The simulator must find every one of them.
#pragma once

#include <string_view>
#include <vector>

namespace simulate {

/// `original` stands exactly once in `file`: an expression, or with ';' at its end a statement that declares nothing.
/// In the built copy of the file both stand, and the mutant counts when its number is switched on.
struct mutant {
  std::string_view name, file, original, instead;
};
const std::vector<mutant>& mutants();

}  // namespace simulate
