// Netstrings in and out.
#include "persistence/lists.hpp"

#include <charconv>

#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

void append(std::string& to, std::string_view x) {
  to += std::to_string(x.size());
  to += ':';
  to += x;
  to += ',';
}

[[noreturn]] void damaged() { throw store_unavailable{"the database is damaged: a list is not readable"}; }

std::string_view take(std::string_view& from) {
  size_t size = 0;
  auto [end, bad] = std::from_chars(from.data(), from.data() + from.size(), size);
  auto head = static_cast<size_t>(end - from.data());
  if (bad != std::errc{} || head >= from.size() || from[head] != ':') damaged();
  if (size >= from.size() - head - 1 || from[head + 1 + size] != ',') damaged();
  auto x = from.substr(head + 1, size);
  from.remove_prefix(head + size + 2);
  return x;
}

int64_t take_number(std::string_view& from) {
  auto text = take(from);
  int64_t x = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), x).ec != std::errc{}) damaged();
  return x;
}

}  // namespace

std::string pack(const std::vector<std::string>& list) {
  std::string to;
  for (const auto& x : list) append(to, x);
  return to;
}

std::string pack(const std::vector<label>& list) {
  std::string to;
  for (const auto& x : list) {
    append(to, x.key);
    append(to, x.value);
  }
  return to;
}

std::string pack(const std::vector<artifact>& list) {
  std::string to;
  for (const auto& x : list) {
    append(to, x.name);
    append(to, std::to_string(x.bytes));
    append(to, x.sha256);
  }
  return to;
}

void unpack(std::string_view from, std::vector<std::string>& list) {
  list.clear();
  while (!from.empty()) list.emplace_back(take(from));
}

void unpack(std::string_view from, std::vector<label>& list) {
  list.clear();
  while (!from.empty()) {
    label x;
    x.key = take(from);
    x.value = take(from);
    list.push_back(std::move(x));
  }
}

void unpack(std::string_view from, std::vector<artifact>& list) {
  list.clear();
  while (!from.empty()) {
    artifact x;
    x.name = take(from);
    x.bytes = take_number(from);
    x.sha256 = take(from);
    list.push_back(std::move(x));
  }
}

}  // namespace troupe::sql
