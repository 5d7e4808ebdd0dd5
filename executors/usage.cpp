// Reads /proc/PID/stat of all processes; a session holds the program and all it started, also background jobs
// that a shell put into groups of their own.
#include "executors/usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/world.hpp"
#include "executors/descriptor.hpp"

namespace troupe {
namespace {

constexpr int64_t gone_within_ms = 2'000;
constexpr int look_again_ms = 2;

struct process_row {
  pid_t id = 0;
  bool alive = false;  // not a zombie
  usage used;
};

/// At most 1 KiB of a file of the process; empty when the process is gone.
std::string read_about(const std::string& id, const char* name) {
  descriptor file(open(("/proc/" + id + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text;
  auto got = file ? read(file.get(), text.data(), text.size()) : -1;
  return got > 0 ? std::string(text.data(), static_cast<size_t>(got)) : std::string{};
}

/// Fields as in proc(5), counted from `state` = 0, behind the name, which may hold anything.
std::optional<process_row> read_process_row(const char* id, pid_t session) {
  auto text = read_about(id, "stat");
  auto behind_name = text.rfind(')');
  if (behind_name == std::string::npos || behind_name + 2 >= text.size()) return {};
  auto state = text[behind_name + 2];
  std::array<int64_t, 22> field{};
  auto at = text.c_str() + behind_name + 3;
  for (size_t i = 1; i < field.size(); ++i) {
    char* end = nullptr;
    field[i] = std::strtoll(at, &end, 10);
    at = end;
  }
  if (field[3] != session) return {};
  static const auto ticks = sysconf(_SC_CLK_TCK);
  static const auto page_bytes = sysconf(_SC_PAGESIZE);
  auto cpu_ms = (field[11] + field[12] + field[13] + field[14]) * 1000 / ticks;  // utime stime cutime cstime
  return process_row{static_cast<pid_t>(std::atoi(id)), state != 'Z' && state != 'X', {cpu_ms, field[21] * page_bytes}};
}

std::vector<process_row> read_session(pid_t session) {
  std::vector<process_row> all;
  std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), closedir);
  while (auto entry = folder ? readdir(folder.get()) : nullptr) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (auto row = read_process_row(entry->d_name, session)) all.push_back(*row);
  }
  return all;
}

/// Its own pages and its part of the shared ones; its RSS where the kernel does not tell.
int64_t fair_bytes(const process_row& row) {
  constexpr std::string_view label = "\nPss:";
  auto text = read_about(std::to_string(row.id), "smaps_rollup");
  auto at = text.find(label);
  if (at == std::string::npos) return row.used.rss_bytes;
  return std::strtoll(text.c_str() + at + label.size(), nullptr, 10) * 1024;
}

}  // namespace

usage session_usage(pid_t session) {
  usage all;
  for (auto& row : read_session(session)) {
    all.cpu_ms += row.used.cpu_ms;
    all.rss_bytes += row.used.rss_bytes;
  }
  return all;
}

int64_t session_fair_bytes(pid_t session) {
  int64_t all = 0;
  for (auto& row : read_session(session)) all += fair_bytes(row);
  return all;
}

void kill_session(pid_t session) {
  kill(-session, SIGKILL);
  for (auto give_up = steady_ms() + gone_within_ms; steady_ms() < give_up; poll(nullptr, 0, look_again_ms)) {
    auto some_left = false;
    for (auto& row : read_session(session)) {
      if (!row.alive) continue;
      some_left = true;
      kill(row.id, SIGKILL);
    }
    if (!some_left) return;
  }
}

}  // namespace troupe
