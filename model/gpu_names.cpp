// Names as lists of words, without those that distinguish nothing.
#include "model/gpu_names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace troupe {

namespace {

using words = std::vector<std::string>;

constexpr std::array<std::string_view, 4> vendors{"nvidia", "amd", "apple", "intel"};
constexpr std::array<std::string_view, 10> noise{"geforce", "rtx",      "gtx", "tesla",    "radeon",
                                                 "rx",      "instinct", "arc", "graphics", "gpu"};

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& all, std::string_view word) {
  return std::find(all.begin(), all.end(), word) != all.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

/// "rtx4090" is "rtx 4090".
void add_word(words& all, std::string word) {
  for (std::string_view series : {"rtx", "gtx", "rx"})
    if (word.size() > series.size() && word.starts_with(series) && is_digit(word[series.size()])) {
      word.erase(0, series.size());
      break;
    }
  if (!word.empty()) all.push_back(std::move(word));
}

words words_of(std::string_view name) {
  words all;
  std::string word;
  for (auto c : gpu_key(name)) {
    if (is_word(c)) {
      word += c;
      continue;
    }
    add_word(all, std::exchange(word, {}));
  }
  add_word(all, std::move(word));
  return all;
}

/// Takes the vendor out, empty when none is named.
std::string take_vendor(words& all) {
  std::string vendor;
  std::erase_if(all, [&](const std::string& word) {
    auto is_vendor = is_one_of(vendors, word);
    if (is_vendor && vendor.empty()) vendor = word;
    return is_vendor;
  });
  std::erase_if(all, [](const std::string& word) { return is_one_of(noise, word); });
  return vendor;
}

}  // namespace

std::string gpu_key(std::string_view name) {
  std::string key{name};
  for (auto& c : key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return key;
}

std::string_view gpu_family(std::string_view name, const std::vector<std::string_view>& keys) {
  auto said = words_of(name);
  auto said_vendor = take_vendor(said);
  std::string_view best;
  size_t best_words = 0;
  for (auto key : keys) {
    auto wanted = words_of(key);
    auto vendor = take_vendor(wanted);
    if (wanted.empty() || (!vendor.empty() && !said_vendor.empty() && vendor != said_vendor)) continue;
    if (std::search(said.begin(), said.end(), wanted.begin(), wanted.end()) == said.end()) continue;
    auto longer = wanted.size() != best_words ? wanted.size() > best_words
                  : key.size() != best.size() ? key.size() > best.size()
                                              : key < best;
    if (!longer) continue;
    best = key;
    best_words = wanted.size();
  }
  return best;
}

}  // namespace troupe
