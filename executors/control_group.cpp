// Makes, limits, empties and removes control groups.
#include "executors/control_group.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "config/log.hpp"
#include "config/world.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr auto main_group = "/troupe-main";  // version 2: a group with limits below it may hold no process itself
constexpr auto processes = "/cgroup.procs";
constexpr int64_t pids_max = 4096;
constexpr int64_t gone_within_ms = 2'000;
constexpr int look_again_ms = 2;

bool made(const std::string& folder) { return mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST; }

descriptor open_door(const std::string& folder) {
  descriptor door(open((folder + processes).c_str(), O_WRONLY | O_CLOEXEC));
  if (!door || door.get() > 2) return door;
  return descriptor(fcntl(door.get(), F_DUPFD_CLOEXEC, 3));  // the child's own input and output come to 0, 1 and 2
}

/// Whether a process of ours may go in there: one does, and ends.
bool can_enter(const std::string& folder) {
  auto door = open_door(folder);
  if (!door) return false;
  auto child = fork();
  if (child == 0) _exit(write(door.get(), "0", 1) == 1 ? 0 : errno);
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (child > 0) errno = WEXITSTATUS(status);
  return child > 0 && status == 0;
}

std::set<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> all;
  for (std::string word; stream >> word;) all.insert(word);
  return all;
}

/// Version 2 wants controllers switched on for the groups below, and then no process beside them: we move aside when
/// the group is ours alone, as under systemd's Delegate=yes.
std::set<std::string> switch_on(const std::string& own) {
  std::set<std::string> all;
  auto offered = words_of(read_control(own + "/cgroup.controllers"));
  for (std::string name : {"memory", "pids"}) {
    if (!offered.count(name)) continue;
    auto on = [&] { return write_control(own + "/cgroup.subtree_control", "+" + name); };
    auto alone = words_of(read_control(own + processes)) == std::set{std::to_string(getpid())};
    if (alone && !on() && made(own + main_group)) write_control(own + main_group + processes, "0");
    if (on()) all.insert(name);
  }
  return all;
}

/// Deepest first: the program may have made groups of its own in ours.
std::vector<std::string> folders_in(const std::string& top) {
  std::vector<std::string> all;
  std::error_code error;
  for (fs::directory_iterator at(top, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (at->symlink_status(gone).type() != fs::file_type::directory) continue;
    auto inner = folders_in(at->path().string());
    all.insert(all.end(), inner.begin(), inner.end());
  }
  all.push_back(top);
  return all;
}

/// How many were still there.
size_t kill_once(const std::string& folder) {
  write_control(folder + "/cgroup.kill", "1");  // all at one blow where the kernel can
  auto there = words_of(read_control(folder + processes));
  for (auto& each : there) {
    auto id = static_cast<pid_t>(std::atoi(each.c_str()));
    if (id > 1) kill(id, SIGKILL);  // 0: somebody outside of our container
  }
  return there.size();
}

void kill_in(const std::vector<std::string>& tops) {
  std::vector<std::string> folders;
  for (auto& top : tops)
    for (auto& each : folders_in(top)) folders.push_back(each);
  for (auto& each : folders) write_control(each + "/pids.max", "0");  // nobody can fork faster than we kill
  for (auto give_up = steady_ms() + gone_within_ms; steady_ms() < give_up; poll(nullptr, 0, look_again_ms)) {
    size_t left = 0;
    for (auto& each : folders) left += kill_once(each);
    if (left == 0) return;
  }
  log::warn("programs outlive their kill", {{"group", tops.front()}});
}

void remove_groups(const std::string& top) {
  auto removed = true;
  for (auto& each : folders_in(top)) removed = rmdir(each.c_str()) == 0 || errno == ENOENT;
  if (!removed) log::warn("control group stays", {{"path", top}, {"why", std::generic_category().message(errno)}});
}

/// Also where the machine would swap instead.
bool limit(const control_hierarchy& place, int64_t memory_mb) {
  auto good = true;
  auto bytes = std::to_string(memory_mb * 1024 * 1024);
  if (place.controllers.count("pids")) good = write_control(place.folder + "/pids.max", std::to_string(pids_max));
  if (memory_mb == 0 || !place.controllers.count("memory")) return good;
  if (!place.unified) {
    good = good && write_control(place.folder + "/memory.limit_in_bytes", bytes);
    write_control(place.folder + "/memory.memsw.limit_in_bytes", bytes);
    return good;
  }
  write_control(place.folder + "/memory.swap.max", "0");
  return good && write_control(place.folder + "/memory.max", bytes);
}

std::string describe(const control_hierarchy& place) {
  std::string text = place.unified ? "v2" : "v1";
  for (auto& name : place.controllers) text += " " + name;
  return text + (place.unified ? " kill" : "");
}

}  // namespace

control_group::~control_group() {
  if (places_.empty()) return;
  kill_all();
  doors_.clear();
  for (auto& place : places_) remove_groups(place.folder);
}

std::vector<int> control_group::doors() const {
  std::vector<int> all;
  for (auto& door : doors_) all.push_back(door.get());
  return all;
}

void control_group::kill_all() const {
  std::vector<std::string> tops;
  for (auto& place : places_) tops.push_back(place.folder);
  kill_in(tops);
}

std::optional<int64_t> control_group::cpu_ms() const {
  for (auto& place : places_) {
    auto us = place.unified ? control_number(place.folder + "/cpu.stat", "usage_usec") : -1;
    auto ns = place.controllers.count("cpuacct") ? control_number(place.folder + "/cpuacct.usage") : -1;
    if (us >= 0) return us / 1000;
    if (ns >= 0) return ns / 1'000'000;
  }
  return {};
}

bool control_group::out_of_memory() const {
  for (auto& place : places_) {
    if (!place.controllers.count("memory")) continue;
    auto file = place.unified ? "/memory.events" : "/memory.oom_control";
    if (control_number(place.folder + file, "oom_kill") > 0) return true;
  }
  return false;
}

control_groups::control_groups(const std::string& work_root) {
  auto found = own_hierarchies();
  if (found.empty()) words_ = "no (this machine shows none)";
  std::error_code error;
  auto root = fs::absolute(work_root, error).lexically_normal().string();
  prefix_ = "/troupe-" + sha256_hex(root).substr(0, 12) + "-";
  for (auto& own : found) {
    if (own.folder.ends_with(main_group)) own.folder.resize(own.folder.size() - std::string(main_group).size());
    auto trial = own.folder + prefix_ + "try-" + std::to_string(getpid());
    auto good = made(trial) && can_enter(trial);
    auto why = std::generic_category().message(errno);
    rmdir(trial.c_str());
    if (good) {
      if (own.unified) own.controllers = switch_on(own.folder);
      places_.push_back(own);
    } else if (places_.empty()) {
      words_ = "no (" + own.folder + ": " + why + ")";
    }
  }
  if (!active()) return;
  words_.clear();
  for (auto& place : places_) words_ += (words_.empty() ? "" : ", ") + describe(place);
}

int control_groups::end_leftovers() const {
  std::vector<std::string> left;
  std::set<std::string> names;
  for (auto& place : places_) {
    std::error_code error;
    for (fs::directory_iterator at(place.folder, error), end; !error && at != end; at.increment(error)) {
      auto name = "/" + at->path().filename().string();
      if (!name.starts_with(prefix_)) continue;
      left.push_back(at->path().string());
      names.insert(name);
    }
  }
  if (!left.empty()) kill_in(left);
  for (auto& each : left) remove_groups(each);
  return static_cast<int>(names.size());
}

std::unique_ptr<control_group> control_groups::make(const std::string& name, int64_t memory_mb) const {
  auto group = std::make_unique<control_group>();
  for (auto& place : places_) {
    auto for_memory_only = place.controllers == std::set<std::string>{"memory"} && !place.unified;
    if (for_memory_only && memory_mb == 0) continue;
    control_hierarchy own{place.folder + prefix_ + name, place.unified, place.controllers};
    if (mkdir(own.folder.c_str(), 0755) != 0) return nullptr;
    group->places_.push_back(own);
    group->doors_.push_back(open_door(own.folder));
    if (!group->doors_.back() || !limit(own, memory_mb)) return nullptr;
  }
  return group;
}

}  // namespace troupe
