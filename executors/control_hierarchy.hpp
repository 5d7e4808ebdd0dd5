// Where this process stands in the machine's control groups, both versions, read from /proc.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct control_hierarchy {
  std::string folder;                 // of the group we are in
  bool unified = false;               // version 2: one tree for all controllers
  std::set<std::string> controllers;  // version 1: those of this tree
};

/// From the texts of /proc/self/mountinfo and /proc/self/cgroup: version 2, and what version 1 has of memory, pids and
/// cpuacct.
std::vector<control_hierarchy> find_hierarchies(std::string_view mounts, std::string_view groups);

/// Of this process.
std::vector<control_hierarchy> own_hierarchies();

/// The small files of /proc and of control groups; empty when it cannot be read.
std::string read_control(const std::string& path);
/// At once, as control groups want it.
bool write_control(const std::string& path, std::string_view text);
/// The number behind `name ` in such a file, or the whole file for an empty name; -1 when there is none.
int64_t control_number(const std::string& path, std::string_view name = {});

}  // namespace troupe
