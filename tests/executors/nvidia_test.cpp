// The GPU driver's own words, and a driver that misbehaves: it must cost nothing but its answer.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "config/world.hpp"
#include "executors/machine.hpp"
#include "executors/nvidia.hpp"

using namespace troupe;

namespace {

constexpr const char* h200 =
    "0, GPU-1d2c3b4a-0000-1111-2222-333344445555, NVIDIA H200, 143771, 550.127.05, 700.00, 0, 4, 76.53, 28\n";

/// A program of that name is the first on the PATH, for as long as this lives.
struct fake_driver {
  std::string folder = std::filesystem::temp_directory_path() / ("driver-" + random_hex(8));
  std::string path = getenv("PATH");

  explicit fake_driver(const std::string& script) {
    std::filesystem::create_directory(folder);
    auto program = folder + "/nvidia-smi";
    std::ofstream{program} << "#!/bin/sh\n" << script;
    chmod(program.c_str(), 0755);
    setenv("PATH", (folder + ":" + path).c_str(), 1);
  }
  ~fake_driver() {
    setenv("PATH", path.c_str(), 1);
    std::filesystem::remove_all(folder);
  }
};

std::string echo(const std::string& text) { return "cat <<'END'\n" + text + "END\n"; }

}  // namespace

TEST_CASE("what nvidia-smi says of an H200 is understood to the last field") {
  auto all = parse_nvidia_smi(h200);
  REQUIRE(all.size() == 1);
  auto& d = all[0].device;
  CHECK(d.model == "NVIDIA H200");
  CHECK(d.vram_mb == 143'771);
  CHECK(d.index == 0);
  CHECK(d.uuid == "GPU-1d2c3b4a-0000-1111-2222-333344445555");
  CHECK(d.driver == "550.127.05");
  CHECK(d.power_w == 700);
  CHECK(all[0].now == gpu_metrics{0, 4, 76, 28});
}

TEST_CASE("what the driver does not know is not known, and a line of another form is no GPU") {
  auto all = parse_nvidia_smi(
      "0, GPU-a, NVIDIA GeForce RTX 4090, 24564, 535.1, [N/A], [Not Supported], [N/A], [N/A], 41\r\n"
      "\n"
      "1, GPU-b, Broken, [N/A], 535.1, 450.00, 0, 0, 0, 0\n"
      "2, GPU-c, Short, 24564\n"
      "No devices were found\n"
      "-1, GPU-d, Negative, 24564, 535.1, 450.00, 0, 0, 0, 0\n"
      "3, GPU-e, Huge, 99999999999999999999, 535.1, 450.00, 0, 0, 0, 0\n"
      "4, , NVIDIA L4, 23034, 535.1, 72.00, 101, 1, 16.2, 44");
  REQUIRE(all.size() == 2);
  CHECK(all[0].device.power_w == -1);
  CHECK(all[0].now == gpu_metrics{-1, -1, -1, 41});
  CHECK(all[1].device.index == 4);
  CHECK(all[1].device.uuid.empty());
  CHECK(all[1].now.utilization_percent == -1);
}

TEST_CASE("the driver's program is asked in the form that is read") {
  fake_driver driver{"[ \"$2\" = --format=csv,noheader,nounits ] || exit 3\n" + echo(h200)};
  auto gpus = find_gpus();
  REQUIRE(gpus.size() == 1);
  CHECK(gpus[0].vram_mb == 143'771);
}

TEST_CASE("a driver that fails, says rubbish, or too much, has no GPUs") {
  for (auto& script : {"exit 9\n" + std::string{}, echo(h200) + "exit 9\n", std::string{"head -c 9000000 /dev/zero\n"},
                       std::string{"kill -9 $$\n"}, std::string{"exec >&-; echo late >&2\n"}, echo("rubbish\n")}) {
    INFO(script);
    fake_driver driver{script};
    CHECK(find_gpus().empty());
  }
  fake_driver none{""};
  setenv("PATH", "/nowhere", 1);
  CHECK(find_gpus().empty());
}

TEST_CASE("a driver that hangs is left after the limit, or as soon as we stop") {
  fake_driver driver{"exec sleep 600\n"};
  auto began = steady_ms();
  CHECK_FALSE(ask_nvidia_smi(100, false));
  std::atomic<bool> stop = true;
  CHECK_FALSE(ask_nvidia_smi(600'000, stop));
  CHECK(steady_ms() - began < 30'000);
}

TEST_CASE("the machine knows its cores, memory and disk, and senses how it fares without waiting for the driver") {
  auto m = look_at_machine("/tmp/not/there/yet");
  CHECK(m.cpu_cores >= 1);
  CHECK(m.memory_mb > 0);
  CHECK(m.disk_mb > 0);
  fake_driver driver{"exec sleep 600\n"};
  auto sense = sense_machine("/tmp", true, {{"gpu", 1'000}});
  auto now = sense();
  CHECK(now.load_milli >= 0);
  CHECK(now.memory_used_mb > 0);
  CHECK(now.memory_used_mb < m.memory_mb);
  CHECK(now.disk_free_mb > 0);
  CHECK(now.gpus.empty());
}
