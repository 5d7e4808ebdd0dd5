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

/// Field by field, in the order of `inspect`.
struct packer {
  std::string to;
  template <class... T>
  bool operator()(const T&... values) {
    (put(values), ...);
    return true;
  }
  void put(const std::string& x) { append(to, x); }
  void put(int64_t x) { append(to, std::to_string(x)); }
};
struct unpacker {
  std::string_view& from;
  template <class... T>
  bool operator()(T&... values) {
    (get(values), ...);
    return true;
  }
  void get(std::string& x) { x = take(from); }
  template <class T>
  void get(T& x) {
    x = static_cast<T>(take_number(from));
  }
};

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

std::string pack(const std::vector<gpu_device>& list) {
  packer p;
  for (auto x : list) inspect(p, x);
  return p.to;
}

std::string pack(const node_metrics& x) {
  packer p;
  p(x.load_milli, x.memory_used_mb, x.disk_free_mb);
  for (auto g : x.gpus) inspect(p, g);
  return p.to;
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

void unpack(std::string_view from, std::vector<gpu_device>& list) {
  list.clear();
  unpacker u{from};
  while (!from.empty()) inspect(u, list.emplace_back());
}

void unpack(std::string_view from, node_metrics& x) {
  x = {};
  if (from.empty()) return;
  unpacker u{from};
  u(x.load_milli, x.memory_used_mb, x.disk_free_mb);
  while (!from.empty()) inspect(u, x.gpus.emplace_back());
}

std::string pack(const job_rare& x) {
  std::string to;
  if (x == job_rare{}) return to;
  for (auto n : {x.hold_window_ms, int64_t{x.hold_steps}, x.stall_ms, x.stall_due_ms, x.cancel_ms, x.checkpoint_epoch,
                 static_cast<int64_t>(x.accrued.size())})
    append(to, std::to_string(n));
  for (const auto& a : x.accrued) {
    append(to, a.provider_user);
    append(to, std::to_string(a.subtotal));
    append(to, std::to_string(a.fee));
  }
  return to + pack(x.lost_on);
}

void unpack(std::string_view from, job_rare& x) {
  x = {};
  if (from.empty()) return;
  x.hold_window_ms = take_number(from);
  x.hold_steps = static_cast<int32_t>(take_number(from));
  x.stall_ms = take_number(from);
  x.stall_due_ms = take_number(from);
  x.cancel_ms = take_number(from);
  x.checkpoint_epoch = take_number(from);
  for (auto n = take_number(from); n > 0; --n) {
    auto& a = x.accrued.emplace_back();
    a.provider_user = take(from);
    a.subtotal = take_number(from);
    a.fee = take_number(from);
  }
  unpack(from, x.lost_on);
}

}  // namespace troupe::sql
