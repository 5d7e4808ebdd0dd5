// What a preempted program saves, how it travels, and what somebody could try with it.
#include "executors/checkpoint.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;
using namespace troupe;

namespace {

struct folder {
  fs::path path;
  folder() {
    auto pattern = (fs::temp_directory_path() / "troupe_checkpoint_XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream{path / name, std::ios::binary} << bytes;
  }
  std::string read(const std::string& name) const {
    std::ifstream file{path / name, std::ios::binary};
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

constexpr int64_t plenty = 1 << 20;

std::string packed(const folder& f) { return std::get<std::string>(pack_folder(f.path.string(), plenty)); }

bool refused(const std::string& bytes) {
  folder to;
  auto why = unpack_folder(to.path.string(), bytes);
  CHECK(fs::is_empty(to.path));
  return why.has_value();
}

const std::string name_line = "TROUPE checkpoint 1\n";

}  // namespace

TEST_CASE("a folder travels with its names, its bytes and what may be run") {
  folder from, to;
  from.write("weights.bin", std::string("\0\n\xFF 1 2 3", 9));
  from.write("deep/er/step", "7");
  from.write("empty", "");
  fs::permissions(from.path / "empty", fs::perms::owner_exec, fs::perm_options::add);
  REQUIRE_FALSE(unpack_folder(to.path.string(), packed(from)));
  CHECK(to.read("weights.bin") == std::string("\0\n\xFF 1 2 3", 9));
  CHECK(to.read("deep/er/step") == "7");
  CHECK(fs::exists(to.path / "empty"));
  CHECK((fs::status(to.path / "empty").permissions() & fs::perms::owner_exec) != fs::perms::none);
  CHECK((fs::status(to.path / "deep/er/step").permissions() & fs::perms::owner_exec) == fs::perms::none);
}

TEST_CASE("an empty folder is no checkpoint") {
  folder from;
  fs::create_directory(from.path / "nothing here");
  CHECK(packed(from).empty());
}

TEST_CASE("links and pipes in the folder are left out") {
  folder from;
  from.write("real", "x");
  fs::create_symlink("/etc/passwd", from.path / "link");
  fs::create_directory_symlink("/etc", from.path / "links");
  REQUIRE(::mkfifo((from.path / "pipe").c_str(), 0600) == 0);
  auto bytes = packed(from);
  CHECK(bytes.find("root:") == bytes.npos);
  CHECK(bytes.find("link") == bytes.npos);
  CHECK(bytes.find("pipe") == bytes.npos);
}

TEST_CASE("a folder that became a link is no checkpoint") {
  folder from;
  fs::create_directory_symlink("/etc", from.path / "checkpoint");
  CHECK(std::holds_alternative<failure>(pack_folder((from.path / "checkpoint").string(), plenty)));
}

TEST_CASE("more than the bound is refused, and exactly the bound is not") {
  folder from;
  from.write("a", std::string(100, 'x'));
  auto size = std::ssize(packed(from));
  CHECK(std::holds_alternative<std::string>(pack_folder(from.path.string(), size)));
  CHECK(std::holds_alternative<failure>(pack_folder(from.path.string(), size - 1)));
}

TEST_CASE("nothing is written outside the folder, whatever a checkpoint says") {
  for (std::string path : {"../x", "/tmp/x", "a/../../x", "..", ".", "", "a//../x", "./x", "a/"}) {
    CAPTURE(path);
    CHECK(refused(name_line + std::to_string(path.size()) + " 1 0\n" + path + "y"));
  }
}

TEST_CASE("a checkpoint that is cut or damaged is refused") {
  folder from;
  from.write("a", "bytes");
  auto whole = packed(from);
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    folder to;
    auto why = unpack_folder(to.path.string(), whole.substr(0, n));
    CHECK((why.has_value() || n == name_line.size()));
  }
  CHECK(refused("TROUPE checkpoint 2\n"));
  CHECK(refused(name_line + "-1 5 0\nabcde"));
  CHECK(refused(name_line + "1 99999999999999999999 0\na"));
  CHECK(refused(name_line + "1 9223372036854775807 0\nab"));
}
