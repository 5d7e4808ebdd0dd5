// Control groups of attempts: their limits hold for all processes together, and nothing can slip out of the last kill.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executors/control_hierarchy.hpp"
#include "executors/descriptor.hpp"

namespace troupe {

/// The group of one attempt, in each hierarchy. Its end kills what is in it.
class control_group {
public:
  control_group() = default;
  control_group(const control_group&) = delete;
  control_group& operator=(const control_group&) = delete;
  ~control_group();

  /// A process joins by writing "0" to each of them; to be done between fork and exec.
  std::vector<int> doors() const;
  /// Kills all that is in it, whatever sessions they made, and waits a bounded time until they are gone.
  void kill_all() const;
  /// CPU time of all it ever held; nothing where that is not counted.
  std::optional<int64_t> cpu_ms() const;
  /// Somebody was killed because all together wanted more memory than allowed.
  bool out_of_memory() const;

private:
  friend class control_groups;
  std::vector<control_hierarchy> places_;
  std::vector<descriptor> doors_;
};

/// What this machine allows, found by trying.
class control_groups {
public:
  /// Groups lie below our own one, and are named for `work_root`. Touches nothing of an earlier life.
  explicit control_groups(const std::string& work_root);
  control_groups(const control_groups&) = delete;
  control_groups& operator=(const control_groups&) = delete;

  bool active() const { return !places_.empty(); }
  /// "v1 memory pids, v2 kill" or why there are none.
  const std::string& words() const { return words_; }

  /// Kills what an earlier life left; the number of its groups. REQUIRES: nobody else lives by this work_root.
  int end_leftovers() const;
  /// `memory_mb` 0: no limit. Nothing when it cannot be made.
  std::unique_ptr<control_group> make(const std::string& name, int64_t memory_mb) const;

private:
  std::vector<control_hierarchy> places_;  // our own groups, in which those of attempts are made
  std::string prefix_;                     // of their names
  std::string words_;
};

}  // namespace troupe
