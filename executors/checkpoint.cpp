// The form: a first line with its name, then for each file "PATH-LENGTH SIZE RUNS\n", the path and the bytes.
#include "executors/checkpoint.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include "executors/descriptor.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view name_line = "TROUPE checkpoint 1\n";
constexpr size_t files_max = 10'000;
constexpr size_t path_bytes_max = 4096;

std::string too_large(int64_t bytes_max) {
  return "it is larger than " + std::to_string(bytes_max / (1024 * 1024)) + " MiB";
}

failure unreadable(const std::string& what) { return {errc::unavailable, what, {}, {}}; }

/// Appends a file; false when it cannot be read or would be too much.
bool append_file(std::string& to, const fs::path& file, const std::string& path, int64_t bytes_max) {
  descriptor from(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat about {};
  if (!from || fstat(from.get(), &about) != 0 || !S_ISREG(about.st_mode)) return false;
  auto head = std::to_string(path.size()) + " " + std::to_string(about.st_size) + " " +
              ((about.st_mode & S_IXUSR) != 0 ? "1" : "0") + "\n" + path;
  if (about.st_size > bytes_max - std::ssize(to) - std::ssize(head)) return false;
  to += head;
  auto begin = to.size();
  to.resize(begin + static_cast<size_t>(about.st_size));
  for (auto at = begin; at < to.size();) {
    auto got = ::read(from.get(), to.data() + at, to.size() - at);
    if (got <= 0) return false;
    at += static_cast<size_t>(got);
  }
  return true;
}

/// A path below the folder, and nothing else.
bool is_safe(const std::string& path) {
  if (path.empty() || path.size() > path_bytes_max || path.find('\0') != path.npos) return false;
  fs::path parts(path);
  auto good = [](const fs::path& part) { return !part.empty() && part != "." && part != ".." && part != "/"; };
  return parts.is_relative() && std::all_of(parts.begin(), parts.end(), good);
}

/// Takes apart what pack_folder made; stops at the first thing that is wrong.
class unpacker {
public:
  explicit unpacker(std::string_view from) : from_(from) {}

  bool begins() {
    if (!from_.starts_with(name_line)) return false;
    from_.remove_prefix(name_line.size());
    return true;
  }
  bool over() const { return from_.empty(); }
  bool next(std::string& path, std::string_view& bytes, bool& runs) {
    int64_t path_size = 0, size = 0, mode = 0;
    if (!number(path_size, ' ') || !number(size, ' ') || !number(mode, '\n')) return false;
    auto left = std::ssize(from_);
    if (path_size < 0 || size < 0 || path_size > left || size > left - path_size) return false;
    path = from_.substr(0, static_cast<size_t>(path_size));
    bytes = from_.substr(static_cast<size_t>(path_size), static_cast<size_t>(size));
    from_.remove_prefix(static_cast<size_t>(path_size + size));
    runs = mode == 1;
    return is_safe(path);
  }

private:
  bool number(int64_t& x, char end) {
    auto [at, bad] = std::from_chars(from_.data(), from_.data() + from_.size(), x);
    auto length = static_cast<size_t>(at - from_.data());
    if (bad != std::errc{} || length >= from_.size() || from_[length] != end) return false;
    from_.remove_prefix(length + 1);
    return true;
  }

  std::string_view from_;
};

bool write_file(const fs::path& file, std::string_view bytes, bool runs) {
  descriptor to(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, runs ? 0700 : 0600));
  while (to && !bytes.empty()) {
    auto done = ::write(to.get(), bytes.data(), bytes.size());
    if (done < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return static_cast<bool>(to);
}

}  // namespace

outcome<std::string> pack_folder(const std::string& folder, int64_t bytes_max) {
  fs::path top(folder);
  if (fs::is_symlink(fs::symlink_status(top))) return unreadable("its folder was replaced by a link");
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(top, error), end; !error && at != end; at.increment(error))
    if (at->symlink_status(error).type() == fs::file_type::regular) files.push_back(at->path());
  if (error) return unreadable("its folder cannot be read: " + error.message());
  if (files.size() > files_max) return unreadable("it has more than " + std::to_string(files_max) + " files");
  std::sort(files.begin(), files.end());
  std::string packed;
  for (auto& file : files) {
    if (packed.empty()) packed = name_line;
    if (!append_file(packed, file, file.lexically_relative(top).string(), bytes_max))
      return unreadable(too_large(bytes_max) + ", or cannot be read");
  }
  return packed;
}

std::optional<std::string> unpack_folder(const std::string& folder, std::string_view packed) {
  unpacker from(packed);
  if (!from.begins()) return "the checkpoint is not readable";
  std::string path;
  std::string_view bytes;
  for (auto runs = false; !from.over();) {
    if (!from.next(path, bytes, runs)) return "the checkpoint is not readable";
    auto file = fs::path(folder) / path;
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error || !write_file(file, bytes, runs)) return "cannot write the checkpoint's file " + path;
  }
  return {};
}

}  // namespace troupe
