// A folder, a started attempt, and bounded waiting for what it tells.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "executors/executor.hpp"

namespace troupe::testing {

inline constexpr auto patience = std::chrono::seconds(30);

struct heard {
  int32_t ppm;
  std::string message;
};

class temporary_folder {
public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_; }
  bool empty() const { return std::filesystem::is_empty(path_); }

private:
  std::string path_;
};

/// One attempt and everything it said.
class trial {
public:
  trial(const run_environment& environment, run_request request) {
    run_ = start_run(
        environment, std::move(request),
        {[this](int32_t ppm, std::string message) {
           note({ppm, std::move(message)});
         },
         [this](run_report report) { finish(std::move(report)); },
         [this](std::string bytes) { checkpoint = std::move(bytes); },
         [this](std::string_view stream, std::string bytes, bool last) { write(std::string{stream}, bytes, last); }});
  }

  run_report wait() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, patience, [&] { return !reports_.empty(); }));
    return reports_.front();
  }

  heard wait_for_progress() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, patience, [&] { return !progress_.empty() || !reports_.empty(); }));
    REQUIRE(!progress_.empty());
    return progress_.front();
  }

  /// While it runs, or after.
  void wait_for_output(const std::string& stream, const std::string& text) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, patience, [&] { return written_[stream] == text; }));
  }
  std::map<std::string, std::string> written() const {
    std::lock_guard lock(mutex_);
    return written_;
  }
  /// In this order.
  std::vector<std::string> closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

  void cancel() { run_->cancel(); }
  void preempt() { run_->preempt(); }
  void destroy() { run_.reset(); }

  std::vector<heard> progress() const {
    std::lock_guard lock(mutex_);
    return progress_;
  }
  std::string checkpoint;  // to be read after the end

  size_t reports() const {
    std::lock_guard lock(mutex_);
    return reports_.size();
  }

private:
  void note(heard what) {
    std::lock_guard lock(mutex_);
    CHECK(reports_.empty());
    progress_.push_back(std::move(what));
    changed_.notify_all();
  }
  void write(const std::string& stream, const std::string& bytes, bool last) {
    std::lock_guard lock(mutex_);
    CHECK(reports_.empty());
    CHECK(std::find(closed_.begin(), closed_.end(), stream) == closed_.end());
    written_[stream] += bytes;
    if (last) closed_.push_back(stream);
    changed_.notify_all();
  }
  void finish(run_report report) {
    std::lock_guard lock(mutex_);
    reports_.push_back(std::move(report));
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<heard> progress_;
  std::map<std::string, std::string> written_;
  std::vector<std::string> closed_;
  std::vector<run_report> reports_;
  std::unique_ptr<run> run_;  // last: its end is waited for before the rest goes
};

inline std::string json_text(const std::string& text) {
  std::string all = "\"";
  for (auto c : text) {
    if (c == '\n') {
      all += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') all += '\\';
    all += c;
  }
  return all + "\"";
}

/// A node of one test. `more`: further fields of params, each behind a comma.
struct node {
  temporary_folder folder;
  run_environment environment{folder.path() + "/work", {}, 2'000};

  run_request shell(const std::string& text, const std::string& more = {}) const {
    return {"job_1", 1, job_kind::process, R"({"command":["/bin/sh","-c",)" + json_text(text) + "]" + more + "}",
            30'000};
  }
  run_report run_shell(const std::string& text, const std::string& more = {}) const {
    return trial(environment, shell(text, more)).wait();
  }
  std::string work() const { return environment.work_root; }
};

inline void check_clean(const node& here) {
  CAPTURE(here.work());
  CHECK(std::filesystem::is_empty(here.work()));
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A zombie that nobody has collected yet does not live.
inline bool lives(pid_t id) {
  if (kill(id, 0) != 0) return false;
  auto stat = read_file("/proc/" + std::to_string(id) + "/stat");
  auto at = stat.rfind(')');
  return at != std::string::npos && at + 2 < stat.size() && stat[at + 2] != 'Z' && stat[at + 2] != 'X';
}

}  // namespace troupe::testing
