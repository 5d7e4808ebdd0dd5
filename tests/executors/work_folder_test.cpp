// What stays of an attempt's folder, and what does not.
#include <set>

#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

TEST_CASE("artifacts are listed and kept, and nothing else is") {
  node here;
  auto report = here.run_shell(
      "cd $TROUPE_ARTIFACTS && mkdir -p deep/er && printf hello > deep/er/b.txt && : > a.bin && "
      "ln -s /etc/passwd link && ln -s /etc dir && mkfifo pipe && echo x > ../scratch && "
      "printf x > \"$(printf 'bad\\377name')\"; exit 3");
  CHECK(report.error_code == "exit_code");
  REQUIRE(report.artifacts.size() == 2);
  CHECK(report.artifacts[0].name == "a.bin");
  CHECK(report.artifacts[0].bytes == 0);
  CHECK(report.artifacts[1].name == "deep/er/b.txt");
  CHECK(report.artifacts[1].bytes == 5);
  CHECK(report.artifacts[1].sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  auto kept = here.work() + "/job_1/1";
  CHECK(read_file(kept + "/artifacts/deep/er/b.txt") == "hello");
  std::set<std::string> left;
  for (auto& each : std::filesystem::recursive_directory_iterator(kept)) left.insert(each.path().filename());
  CHECK(left == std::set<std::string>{"artifacts", "a.bin", "deep", "er", "b.txt"});
}

TEST_CASE("at most a thousand artifacts are kept") {
  node here;
  auto report = here.run_shell("cd $TROUPE_ARTIFACTS; i=0; while [ $i -lt 1010 ]; do i=$((i+1)); : > f$i; done");
  CHECK(report.artifacts.size() == 1000);
}

TEST_CASE("a link in the place of the artifacts folder is not followed") {
  node here;
  auto report = here.run_shell("rmdir $TROUPE_ARTIFACTS && ln -s /etc $TROUPE_ARTIFACTS");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.artifacts.empty());
  CHECK(std::filesystem::exists("/etc/passwd"));
  check_clean(here);
}

TEST_CASE("the folder goes even if the program locked it, and a crash's rest with it") {
  node here;
  std::filesystem::create_directories(here.work() + "/job_1/1/old");
  auto report = here.run_shell("ls; mkdir -p locked/in; chmod 000 locked; chmod 500 .");
  CHECK(report.stdout_text == "artifacts\ncheckpoint\ntmp\n");
  check_clean(here);
}
