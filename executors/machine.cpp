// Cores, memory and disk from the kernel, GPUs from their driver.
#include "executors/machine.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <thread>

#include "executors/nvidia.hpp"

namespace troupe {

namespace {

constexpr int64_t driver_limit_ms = 5'000;
constexpr auto driver_pause = std::chrono::seconds{10};

struct memory_kb {
  int64_t total = 0, available = 0;
};

memory_kb read_memory() {
  memory_kb m;
  std::ifstream file{"/proc/meminfo"};
  std::string key, unit;
  int64_t value = 0;
  while (file >> key >> value) {
    if (key == "MemTotal:") m.total = value;
    if (key == "MemAvailable:") m.available = value;
    std::getline(file, unit);
  }
  return m;
}

/// Of the folder, or of the nearest above it that is there; -1: not known.
int64_t free_disk_mb(std::filesystem::path folder) {
  std::error_code none;
  folder = std::filesystem::absolute(folder, none);
  while (!std::filesystem::exists(folder, none) && folder.has_relative_path()) folder = folder.parent_path();
  struct statvfs about {};
  if (statvfs(folder.c_str(), &about) != 0) return -1;
  return static_cast<int64_t>(about.f_bavail) / 1024 * static_cast<int64_t>(about.f_frsize) / 1024;
}

/// Asks the driver now and then, for it may take its time.
class gpu_watch {
public:
  explicit gpu_watch(std::vector<gpu_device> devices) : devices_(std::move(devices)) {
    thread_ = std::thread([this] { watch(); });
  }
  ~gpu_watch() {
    {
      std::lock_guard lock{guard_};
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  std::vector<gpu_metrics> newest() {
    std::lock_guard lock{guard_};
    return newest_;
  }

private:
  void watch() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for the main thread
    while (!stop_) {
      auto read = ask_nvidia_smi(driver_limit_ms, stop_);
      std::unique_lock lock{guard_};
      newest_ = in_order(read.value_or(std::vector<gpu_reading>{}));
      wake_.wait_for(lock, driver_pause, [this] { return stop_.load(); });
    }
  }
  /// As the node's list has them; empty when the driver says nothing.
  std::vector<gpu_metrics> in_order(const std::vector<gpu_reading>& read) const {
    if (read.empty()) return {};
    std::vector<gpu_metrics> all(devices_.size());
    for (auto& x : read)
      for (size_t i = 0; i < devices_.size(); ++i)
        if (devices_[i].index == x.device.index) all[i] = x.now;
    return all;
  }

  const std::vector<gpu_device> devices_;
  std::mutex guard_;
  std::condition_variable wake_;
  std::atomic<bool> stop_ = false;
  std::vector<gpu_metrics> newest_;
  std::thread thread_;
};

}  // namespace

machine look_at_machine(const std::string& work_folder) {
  machine m;
  m.cpu_cores = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
  m.memory_mb = read_memory().total / 1024;
  m.disk_mb = std::max<int64_t>(0, free_disk_mb(work_folder));
  return m;
}

std::vector<gpu_device> find_gpus() {
  std::vector<gpu_device> all;
  for (auto& x : ask_nvidia_smi(driver_limit_ms, false).value_or(std::vector<gpu_reading>{}))
    all.push_back(std::move(x.device));
  return all;
}

std::function<node_metrics()> sense_machine(std::string work_folder, bool with_gpus, std::vector<gpu_device> devices) {
  auto gpus = with_gpus && !devices.empty() ? std::make_shared<gpu_watch>(std::move(devices)) : nullptr;
  return [work_folder = std::move(work_folder), gpus] {
    node_metrics m;
    double load = 0;
    if (getloadavg(&load, 1) == 1) m.load_milli = static_cast<int64_t>(load * 1'000);
    auto memory = read_memory();
    m.memory_used_mb = (memory.total - memory.available) / 1024;
    m.disk_free_mb = free_disk_mb(work_folder);
    if (gpus) m.gpus = gpus->newest();
    return m;
  };
}

}  // namespace troupe
