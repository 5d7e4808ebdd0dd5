// mutate SOURCE-FOLDER FILE OUT: writes a copy of FILE that contains all of its mutants, each behind its number.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "tests/simulate/mutants/list.hpp"

namespace {

using simulate::mutant;

struct place {
  size_t at = 0;
  std::string text;
};

size_t find_once(const std::string& source, const mutant& m) {
  auto at = source.find(m.original);
  auto once = at != std::string::npos && source.find(m.original, at + 1) == std::string::npos;
  if (!once)
    throw std::runtime_error{
        std::string{m.file} + " must contain once what the mutant '" + std::string{m.name} +
        "' replaces; bring tests/simulate/mutants/list.cpp up to date: " + std::string{m.original}};
  return at;
}

/// All mutants of one place, one after the other, and at last the original.
std::string choice_of(std::string_view original) {
  auto is_statement = original.back() == ';';
  std::string text = is_statement ? "" : "(";
  auto number = 0;
  for (auto& m : simulate::mutants()) {
    ++number;
    if (m.original != original) continue;
    auto is_on = "simulate_mutant() == " + std::to_string(number);
    if (is_statement)
      text += "if (" + is_on + ") { " + std::string{m.instead} + " } else ";
    else
      text += is_on + " ? (" + std::string{m.instead} + ") : ";
  }
  return text + (is_statement ? "{ " + std::string{original} + " }" : "(" + std::string{original} + "))");
}

std::string mutated(std::string source, std::string_view file) {
  std::vector<place> places;
  std::vector<std::string_view> done;
  for (auto& m : simulate::mutants()) {
    if (m.file != file) continue;
    auto at = find_once(source, m);
    if (std::find(done.begin(), done.end(), m.original) != done.end()) continue;
    done.push_back(m.original);
    places.push_back({at, std::string{m.original}});
  }
  std::sort(places.begin(), places.end(), [](auto& a, auto& b) { return a.at > b.at; });
  for (size_t i = 1; i < places.size(); ++i)
    if (places[i].at + places[i].text.size() > places[i - 1].at)
      throw std::runtime_error{std::string{file} + ": two mutants overlap: " + places[i].text};
  for (auto& p : places) source.replace(p.at, p.text.size(), choice_of(p.text));
  return "int simulate_mutant();\n#line 1 \"" + std::string{file} + "\"\n" + source;
}

}  // namespace

int main(int count, char** argv) {
  if (count != 4) return 2;
  try {
    std::ifstream in{std::string{argv[1]} + "/" + argv[2], std::ios::binary};
    if (!in) throw std::runtime_error{std::string{"cannot read "} + argv[2]};
    std::string source{std::istreambuf_iterator<char>{in}, {}};
    auto text = mutated(std::move(source), argv[2]);
    std::ofstream{argv[3], std::ios::binary} << text;
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
