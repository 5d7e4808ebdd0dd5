// Control groups: what they are found by, and that nothing slips out of them. Skipped, with a word, where not allowed.
#include "executors/control_group.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "attempt_fixture.hpp"
#include "config/world.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

constexpr auto mounts_of_both =
    "25 30 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "26 25 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "27 25 0:25 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "28 25 0:26 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "29 25 0:27 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    "30 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
constexpr auto groups_of_both =
    "9:name=systemd:/x\n8:pids:/\n4:memory:/docker/abc/mine\n2:cpu,cpuacct:/jobs\n6:freezer:/\n0::/user.slice/a:b\n";

/// A node on this machine with all that it allows.
struct isolated_node : node {
  isolated_node() {
    std::filesystem::create_directories(environment.work_root);
    auto groups = std::make_shared<control_groups>(environment.work_root);
    if (groups->active()) environment.groups = groups;
    words = groups->words();
  }
  /// Says so when this machine has no groups for us.
  bool has(const std::string& what) const {
    auto good = environment.groups && words.find(what) != std::string::npos;
    if (!good) MESSAGE("skipped: control groups here: " << words);
    return good;
  }
  /// Of this node: others have theirs beside it.
  std::vector<std::string> folders() const {
    auto root = std::filesystem::absolute(environment.work_root).lexically_normal().string();
    auto mine = "troupe-" + sha256_hex(root).substr(0, 12) + "-";
    std::vector<std::string> all;
    for (auto& own : own_hierarchies())
      for (auto& each : std::filesystem::directory_iterator(own.folder))
        if (each.path().filename().string().starts_with(mine)) all.push_back(each.path().string());
    return all;
  }
  std::string words;
};

/// A shell text that leaves a process in a session of its own, whose number is in the file `pid`.
std::string escape(const std::string& pid, const std::string& then) {
  return "setsid sh -c 'echo $$ > " + pid + ".new; mv " + pid + ".new " + pid +
         "; exec sleep 1000' >/dev/null 2>&1 & " + "while [ ! -f " + pid + " ]; do sleep 0.01; done; " + then;
}

pid_t number_in(const std::string& path) { return static_cast<pid_t>(std::stoi(read_file(path))); }

}  // namespace

TEST_CASE("our groups are found in both versions, and in a container that sees a part of the tree") {
  auto found = find_hierarchies(mounts_of_both, groups_of_both);
  REQUIRE(found.size() == 4);
  CHECK(found[0].folder == "/sys/fs/cgroup/cpu,cpuacct/jobs");
  CHECK(found[0].controllers == std::set<std::string>{"cpuacct"});
  CHECK(found[1].folder == "/sys/fs/cgroup/pids");
  CHECK(found[2].folder == "/sys/fs/cgroup/memory/mine");
  CHECK(found[3].folder == "/sys/fs/cgroup/unified/user.slice/a:b");
  CHECK(found[3].unified);
}

TEST_CASE("what is outside of the mounted part, broken or missing is no place for groups") {
  CHECK(find_hierarchies("", "").empty());
  CHECK(find_hierarchies("nonsense\n - cgroup\n\n", groups_of_both).empty());
  CHECK(find_hierarchies(mounts_of_both, "8:pids\nrubbish\n::\n").size() == 1);
  CHECK(find_hierarchies("30 25 0:28 / /cg rw - cgroup2 cgroup2 rw\n", "0::/../other\n").empty());
  CHECK(find_hierarchies("30 25 0:28 /mine /cg rw - cgroup2 cgroup2 rw\n", "0::/theirs\n").empty());
}

TEST_CASE("a process that made a session of its own is gone when the attempt ends") {
  isolated_node here;
  if (!here.has("v")) return;
  auto pid = here.folder.path() + "/pid";
  auto report = here.run_shell(escape(pid, "echo done"));
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == "done\n");
  CHECK(!lives(number_in(pid)));
  CHECK(here.folders().empty());
}

TEST_CASE("a cancel reaches a process that made a session of its own") {
  isolated_node here;
  if (!here.has("v")) return;
  auto pid = here.folder.path() + "/pid";
  trial attempt(here.environment, here.shell(escape(pid, "echo 'TROUPE {\"progress\":0.5}'; sleep 1000")));
  attempt.wait_for_progress();
  REQUIRE(lives(number_in(pid)));
  attempt.cancel();
  CHECK(attempt.wait().outcome == run_outcome::cancelled);
  CHECK(!lives(number_in(pid)));
}

TEST_CASE("a fork bomb hits the limit of its group, and its end is the end of all") {
  isolated_node here;
  if (!here.has("pids")) return;
  // More than the limit in all, but not without end: a broken limit must not take the machine along.
  auto ask = here.shell(
      "for i in 1 2 3 4 5 6 7 8; do"
      " setsid sh -c 'n=0; while [ $n -lt 700 ]; do sleep 1000 & n=$((n+1)); done; sleep 1000' 2>/dev/null & "
      "done; wait");
  ask.timeout_ms = 1'000;
  auto report = trial(here.environment, ask).wait();
  CHECK(report.error_code == "timeout");
  CHECK(here.folders().empty());
}

TEST_CASE("the group's memory is the limit, also of those in other sessions") {
  isolated_node here;
  if (!here.has("memory")) return;
  auto report = here.run_shell("setsid sh -c 'head -c 300000000 /dev/zero | tail -c 200000000 >/dev/null'; sleep 1000",
                               R"(,"memory_mb":64)");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "memory_limit");
  CHECK(here.folders().empty());
}

TEST_CASE("a program within its memory is left alone by its group") {
  isolated_node here;
  if (!here.has("memory")) return;
  auto report = here.run_shell("head -c 20000000 /dev/zero | tail -c 10000000 | wc -c", R"(,"memory_mb":64)");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == "10000000\n");
}

TEST_CASE("CPU time counts in every session") {
  isolated_node here;
  if (!here.has("v")) return;
  auto report =
      here.run_shell("for i in 1 2; do setsid sh -c 'while :; do :; done' & done; sleep 1000", R"(,"cpu_seconds":1)");
  CHECK(report.error_code == "cpu_limit");
}

TEST_CASE("what an earlier life left in its groups is killed, and nothing of others") {
  isolated_node here, other;
  if (!here.has("v")) return;
  auto sleeper = [](const control_groups& groups) {
    auto group = groups.make("job_1-1", 0).release();  // as kill -9 leaves it: nobody ends it
    REQUIRE(group);
    auto doors = group->doors();
    auto child = fork();
    if (child > 0) return child;
    for (auto door : doors)
      if (write(door, "0", 1) != 1) _exit(1);
    for (;;) pause();
  };
  auto mine = sleeper(*here.environment.groups), theirs = sleeper(*other.environment.groups);
  auto joined = [](pid_t id) {
    return read_file("/proc/" + std::to_string(id) + "/cgroup").find("-job_1-1") != std::string::npos;
  };
  for (auto i = 0; i < 1'000 && !(joined(mine) && joined(theirs)); ++i) usleep(1'000);
  REQUIRE(joined(mine));
  CHECK(here.environment.groups->end_leftovers() == 1);
  CHECK(!lives(mine));
  CHECK(lives(theirs));
  CHECK(other.environment.groups->end_leftovers() == 1);
  CHECK(here.environment.groups->end_leftovers() == 0);
  for (auto each : {mine, theirs}) waitpid(each, nullptr, 0);
}

TEST_CASE("without groups everything works as before") {
  node here;
  CHECK(here.run_shell("echo fine").stdout_text == "fine\n");
  CHECK(control_groups("/nowhere").make("../../x", 0) == nullptr);
}
