// The folder of one attempt: made empty, and gone with the attempt, apart from the artifacts it leaves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/job_spec.hpp"

namespace troupe {

class work_folder {
public:
  work_folder() = default;
  work_folder(const work_folder&) = delete;
  work_folder& operator=(const work_folder&) = delete;
  ~work_folder();

  /// Makes work_root/JOB/EPOCH with mode 0700; what is wrong, or nothing.
  std::optional<std::string> open(const std::string& work_root, const std::string& job_id, int64_t epoch);

  std::string path() const { return path_.string(); }
  std::string artifacts() const { return (path_ / "artifacts").string(); }
  std::string temporary() const { return (path_ / "tmp").string(); }
  std::string checkpoint() const { return (path_ / "checkpoint").string(); }

  /// Writes a file of the given name that its owner may run; what is wrong, or nothing.
  std::optional<std::string> write_file(const std::string& name, std::string_view content) const;

  /// Lists the regular files among the artifacts, by name, at most 1000. They stay; everything else goes.
  /// REQUIRES: nothing of the job runs any more.
  std::vector<artifact> keep_artifacts();

  /// What a kept artifact holds; nothing when it cannot be read, or is not as it was listed.
  std::optional<std::string> read(const artifact&) const;

private:
  std::filesystem::path path_;  // absolute, empty until opened
  bool keeps_artifacts_ = false;
};

}  // namespace troupe
