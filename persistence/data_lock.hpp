// One server per data folder: a file lock that the kernel lets go of when the process dies.
#pragma once

#include <string>
#include <utility>

namespace troupe {

class data_lock {
public:
  /// Throws store_unavailable at once when somebody else has it.
  explicit data_lock(const std::string& path);
  data_lock(data_lock&& other) noexcept : file_{std::exchange(other.file_, -1)} {}
  data_lock& operator=(data_lock&&) = delete;
  ~data_lock();

private:
  int file_ = -1;
};

}  // namespace troupe
