// Reads /proc/self/mountinfo and /proc/self/cgroup, as cgroups(7) and proc(5) describe them.
#include "executors/control_hierarchy.hpp"

#include <fcntl.h>

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>

#include "executors/descriptor.hpp"

namespace troupe {
namespace {

std::set<std::string> wanted_of(const std::string& list) {
  std::set<std::string> found;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');)
    if (word == "memory" || word == "pids" || word == "cpuacct") found.insert(word);
  return found;
}

/// The path of our group by each controller; by an empty name that of version 2.
std::map<std::string, std::string> own_paths(std::string_view groups) {
  std::map<std::string, std::string> all;
  std::istringstream lines{std::string(groups)};
  for (std::string line; std::getline(lines, line);) {
    auto first = line.find(':');
    auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto path = line.substr(second + 1);
    auto names = line.substr(first + 1, second - first - 1);
    if (names.empty()) all[""] = path;
    for (auto& name : wanted_of(names)) all[name] = path;
  }
  return all;
}

struct mount_row {
  std::string root, point, type, options;
};

std::optional<mount_row> read_mount(const std::string& line) {
  auto dash = line.find(" - ");
  if (dash == std::string::npos) return {};
  std::istringstream before(line), behind(line.substr(dash + 3));
  mount_row row;
  std::string skipped;
  before >> skipped >> skipped >> skipped >> row.root >> row.point;
  behind >> row.type >> skipped >> row.options;
  return row;
}

/// A container may see only a part of the tree, with its own group at the top.
std::optional<std::string> below(const mount_row& mount, const std::string& path) {
  if (path.starts_with("/..")) return {};  // outside of what is mounted
  auto rest = path;
  if (mount.root != "/") {
    if (!rest.starts_with(mount.root)) return {};
    rest = rest.substr(mount.root.size());
  }
  while (rest.ends_with('/')) rest.pop_back();
  return mount.point + rest;
}

}  // namespace

std::vector<control_hierarchy> find_hierarchies(std::string_view mounts, std::string_view groups) {
  auto own = own_paths(groups);
  std::vector<control_hierarchy> all;
  std::set<std::string> seen;  // a tree may be mounted twice
  std::istringstream lines{std::string(mounts)};
  for (std::string line; std::getline(lines, line);) {
    auto mount = read_mount(line);
    if (!mount || (mount->type != "cgroup" && mount->type != "cgroup2")) continue;
    auto unified = mount->type == "cgroup2";
    auto controllers = unified ? std::set<std::string>{} : wanted_of(mount->options);
    if (!unified && controllers.empty()) continue;
    auto name = unified ? std::string{} : *controllers.begin();
    auto path = own.find(name);
    auto folder = path == own.end() ? std::nullopt : below(*mount, path->second);
    if (folder && seen.insert(name).second) all.push_back({*folder, unified, controllers});
  }
  return all;
}

std::vector<control_hierarchy> own_hierarchies() {
  return find_hierarchies(read_control("/proc/self/mountinfo"), read_control("/proc/self/cgroup"));
}

std::string read_control(const std::string& path) {
  descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string all;
  std::array<char, 4096> block;
  for (ssize_t got; file && (got = read(file.get(), block.data(), block.size())) > 0;)
    all.append(block.data(), static_cast<size_t>(got));
  return all;
}

bool write_control(const std::string& path, std::string_view text) {
  descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

int64_t control_number(const std::string& path, std::string_view name) {
  auto text = "\n" + read_control(path);
  auto label = "\n" + std::string(name) + (name.empty() ? "" : " ");
  auto at = text.find(label);
  if (at == std::string::npos || text.size() == 1) return -1;
  return std::strtoll(text.c_str() + at + label.size(), nullptr, 10);
}

}  // namespace troupe
