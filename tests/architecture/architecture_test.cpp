// Holds the house together: who may include whom, what is used in one room only, and how large things may be.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using strings = std::vector<std::string>;

constexpr size_t file_lines_max = 400;
constexpr size_t line_columns_max = 120;
constexpr size_t function_lines_max = 70;

/// The arrows: main -> http -> actors -> {persistence, chain, executors} -> model, config beside.
/// "." is the top folder; tests may use every room and are left out.
const std::map<std::string, strings> arrows{
    {"model", {}},
    {"config", {"model"}},
    {"persistence", {"model", "config"}},
    {"chain", {"model", "config"}},
    {"executors", {"model", "config"}},
    {"actors", {"model", "config", "persistence", "chain", "executors"}},
    {"http", {"model", "config", "actors"}},
    {"client", {"model", "config"}},
    {".", {"model", "config", "persistence", "chain", "executors", "actors", "http", "client"}},
};

/// What is spelled in some rooms only. A home is a room or one file.
struct rule {
  std::string about;
  strings words;
  strings homes;
};
const std::vector<rule> only_here{
    {"the environment", {"getenv(", "secure_getenv(", "environ"}, {"config"}},
    {"CAF", {"<caf/", "caf::", "CAF_ADD_TYPE_ID(", "CAF_BEGIN_TYPE_ID_BLOCK("}, {"actors", "."}},
    {"a database", {"<sqlite3.h>", "<pqxx/", "<libpq-fe.h>", "<postgresql/", "sqlite3_open_v2("}, {"persistence"}},
    {"sockets", {"<boost/", "boost::"}, {"http", "client"}},
    {"starting programs",
     {"fork(", "vfork(", "execv(", "execve(", "execvp(", "execvpe(", "fexecve(", "execl(", "execlp(", "execle(",
      "posix_spawn(", "posix_spawnp(", "popen(", "std::system("},
     {"executors"}},
    {"a JSON library", {"<nlohmann/", "nlohmann::"}, {"http", "client", "executors", "model/params.cpp"}},
    {"the TOML library", {"<toml++/", "toml::"}, {"config"}},
    {"the log library", {"<spdlog/", "spdlog::"}, {"config"}},
    {"the flag library", {"<CLI/", "CLI::"}, {"main.cpp", "client"}},
    {"unfinished work", {"TODO", "FIXME", "XXX"}, {}},
};

bool holds(const strings& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// As a word of its own: not the tail or head of a longer name, and no member (`job.fork(`).
bool says(std::string_view line, std::string_view word) {
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    auto before = at == 0 ? ' ' : line[at - 1];
    auto end = at + word.size();
    auto after = end == line.size() ? ' ' : line[end];
    auto is_member = before == '.' || (before == '>' && at > 1 && line[at - 2] == '-');
    auto is_tail = is_identifier(word.front()) && (is_identifier(before) || is_member);
    if (!is_tail && !(is_identifier(word.back()) && is_identifier(after))) return true;
  }
  return false;
}

size_t columns(std::string_view line) {
  auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), is_start));
}

strings lines_of(const std::string& text) {
  strings lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string room_of(const std::string& path) {
  auto slash = path.find('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// Size and first line: for every file, tests too.
strings shape_complaints(const strings& lines) {
  strings found;
  if (lines.empty() || !lines[0].starts_with("// ")) found.push_back("1: does not say what the file is for");
  if (lines.size() > file_lines_max) found.push_back(std::to_string(lines.size()) + " lines");
  for (size_t i = 0; i < lines.size(); ++i)
    if (columns(lines[i]) > line_columns_max) found.push_back(std::to_string(i + 1) + ": too wide");
  return found;
}

/// In a formatted file a function starts in the first column and ends with a lone brace there.
strings long_functions(const strings& lines) {
  strings found;
  size_t start = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    auto& line = lines[i];
    if (line == "}" && i - start + 1 > function_lines_max) found.push_back(std::to_string(start + 1) + ": too long");
    if (!line.empty() && line[0] != ' ' && line[0] != '}' && line[0] != '#') start = i;
  }
  return found;
}

std::string include_complaint(const std::string& path, const std::string& line) {
  constexpr std::string_view start = "#include \"";
  if (!line.starts_with(start)) return {};
  auto target = line.substr(start.size(), line.find('"', start.size()) - start.size());
  auto from = room_of(path);
  auto to = room_of(target);
  if (from == to || holds(arrows.at(from), to)) return {};
  return from + " may not include " + target;
}

/// REQUIRES: the file's room has a row in `arrows`.
strings room_complaints(const std::string& path, const strings& lines) {
  auto found = long_functions(lines);
  for (size_t i = 0; i < lines.size(); ++i) {
    auto number = std::to_string(i + 1) + ": ";
    if (auto why = include_complaint(path, lines[i]); !why.empty()) found.push_back(number + why);
    for (auto& r : only_here) {
      if (holds(r.homes, room_of(path)) || holds(r.homes, path)) continue;
      auto is_said = [&](auto& word) { return says(lines[i], word); };
      if (std::any_of(r.words.begin(), r.words.end(), is_said)) found.push_back(number + r.about + " has another room");
    }
  }
  return found;
}

strings complaints(const std::string& path, const std::string& text) {
  auto lines = lines_of(text);
  auto found = shape_complaints(lines);
  if (arrows.count(room_of(path)) == 0) return found;
  for (auto& more : room_complaints(path, lines)) found.push_back(more);
  return found;
}

bool is_source(const fs::path& path) { return path.extension() == ".cpp" || path.extension() == ".hpp"; }

/// Everything that git would not ignore: no hidden folders, no build folders.
strings source_files() {
  strings paths;
  const fs::path root{SOURCE_DIR};
  for (auto entry = fs::recursive_directory_iterator{root}; entry != fs::recursive_directory_iterator{}; ++entry) {
    auto name = entry->path().filename().string();
    auto is_top = entry.depth() == 0;
    if (entry->is_directory() &&
        (name[0] == '.' || name == "node_modules" || (is_top && (name.starts_with("build") || name == "data")))) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && is_source(entry->path())) {
      paths.push_back(entry->path().lexically_relative(root).string());
    }
  }
  return paths;
}

std::string read(const std::string& path) {
  std::ifstream file{fs::path{SOURCE_DIR} / path, std::ios::binary};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// A file of one line below its first.
strings complaints_about(const std::string& path, const std::string& line) {
  return complaints(path, "// What it is for.\n" + line + "\n");
}

std::string lines_in_function(size_t n) {
  std::string text = "// What it is for.\nvoid f() {\n";
  for (size_t i = 2; i < n; ++i) text += "  ;\n";
  return text + "}\n";
}

}  // namespace

TEST_CASE("every file keeps to its room, its size and the arrows") {
  auto paths = source_files();
  REQUIRE(paths.size() > 20);
  for (auto& path : paths)
    for (auto& complaint : complaints(path, read(path))) FAIL_CHECK((path + ":" + complaint));
}

TEST_CASE("every folder with sources has a row in the arrows or is no part of the program") {
  const strings apart{"tests", "benchmarks", "tools"};
  for (auto& path : source_files()) {
    CAPTURE(path);
    CHECK((arrows.count(room_of(path)) == 1 || holds(apart, room_of(path))));
  }
}

TEST_CASE("an include against the arrows is found") {
  CHECK(complaints_about("model/x.cpp", "#include \"model/y.hpp\"").empty());
  CHECK(complaints_about("http/x.cpp", "#include \"actors/y.hpp\"").empty());
  CHECK(complaints_about("serve.cpp", "#include \"persistence/y.hpp\"").empty());
  CHECK(complaints_about("serve.cpp", "#include \"commands.hpp\"").empty());
  CHECK(complaints_about("tests/http/x.cpp", "#include \"persistence/y.hpp\"").empty());
  CHECK(complaints_about("model/x.cpp", "#include \"config/y.hpp\"") ==
        strings{"2: model may not include config/y.hpp"});
  for (auto path : {"http/x.cpp", "client/x.cpp", "executors/x.cpp", "config/x.cpp"}) {
    CAPTURE(path);
    CHECK(complaints_about(path, "#include \"persistence/y.hpp\"").size() == 1);
    CHECK(complaints_about(path, "#include \"commands.hpp\"").size() == 1);
  }
}

TEST_CASE("what belongs to one room is found in another") {
  CHECK(complaints_about("http/x.cpp", "auto p = std::getenv(\"HOME\");") ==
        strings{"2: the environment has another room"});
  CHECK(complaints_about("config/x.cpp", "auto p = std::getenv(\"HOME\");").empty());
  CHECK(complaints_about("http/x.cpp", "#include <caf/all.hpp>").size() == 1);
  CHECK(complaints_about("http/x.cpp", "std::vector<caf::actor> all;").size() == 1);
  CHECK(complaints_about("actors/x.cpp", "#include <sqlite3.h>").size() == 1);
  CHECK(complaints_about("actors/x.cpp", "namespace beast = boost::beast;").size() == 1);
  CHECK(complaints_about("node.cpp", "auto child = ::fork();").size() == 1);
  CHECK(complaints_about("actors/x.cpp", "execvp(a, b);").size() == 1);
  CHECK(complaints_about("model/params.cpp", "#include <nlohmann/json.hpp>").empty());
  CHECK(complaints_about("model/job.cpp", "#include <nlohmann/json.hpp>").size() == 1);
  CHECK(complaints_about("executors/x.cpp", "// TODO: later").size() == 1);
}

TEST_CASE("a name that only contains a word is not that word") {
  CHECK(complaints_about("actors/x.cpp", "auto c = self->fork(); c.fork(); my_fork();").empty());
  CHECK(complaints_about("model/x.cpp", "int environment = 0; mycaf::x y;").empty());
}

TEST_CASE("a file without a purpose, a wide line, a long function and a long file are found") {
  CHECK(complaints("tests/x.cpp", "int x;\n").size() == 1);
  CHECK(complaints("tests/x.cpp", "").size() == 1);
  CHECK(complaints_about("tests/x.cpp", std::string(120, 'x')).empty());
  CHECK(complaints_about("tests/x.cpp", std::string(121, 'x')) == strings{"2: too wide"});
  CHECK(complaints("model/x.cpp", lines_in_function(70)).empty());
  CHECK(complaints("model/x.cpp", lines_in_function(71)) == strings{"2: too long"});
  std::string text = "// What it is for.\n";
  for (int i = 1; i < 400; ++i) text += ";\n";
  CHECK(complaints("tests/x.cpp", text).empty());
  CHECK(complaints("tests/x.cpp", text + ";\n") == strings{"401 lines"});
}
