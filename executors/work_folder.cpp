// Makes, lists and removes work folders. What lies in them was written by strangers: links are never followed.
#include "executors/work_folder.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "config/log.hpp"
#include "config/world.hpp"
#include "executors/clean_text.hpp"
#include "executors/descriptor.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr size_t artifacts_max = 1000;
constexpr size_t entries_max = 100'000;  // looked at in search of artifacts
constexpr size_t name_bytes_max = 1024;

bool is_safe_id(const std::string& id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string system_text(int number) { return std::generic_category().message(number); }

/// Opens what is really a regular file, and not a link or a pipe that would make us wait.
descriptor open_regular(const fs::path& file, int64_t& bytes) {
  descriptor opened(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat about {};
  if (!opened || fstat(opened.get(), &about) != 0 || !S_ISREG(about.st_mode)) return {};
  bytes = about.st_size;
  return opened;
}

std::optional<artifact> describe(const fs::path& file, const std::string& name) {
  artifact found{name, 0, {}};
  if (name.size() > name_bytes_max || clean(name, name_bytes_max).text != name) return {};  // no name to ask for it by
  auto opened = open_regular(file, found.bytes);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!opened || !hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1) return {};
  std::array<char, 64 * 1024> block;
  found.bytes = 0;  // of what was hashed
  for (ssize_t got; (got = ::read(opened.get(), block.data(), block.size())) != 0; found.bytes += got)
    if (got < 0 || EVP_DigestUpdate(hash.get(), block.data(), got) != 1) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  if (EVP_DigestFinal_ex(hash.get(), digest.data(), &length) != 1) return {};
  found.sha256 = to_hex({reinterpret_cast<const char*>(digest.data()), length});
  return found;
}

/// The paths of all that is no folder below `top`, sorted; links are listed and not entered.
std::vector<fs::path> entries_below(const fs::path& top) {
  std::vector<fs::path> all;
  std::error_code error;
  fs::recursive_directory_iterator at(top, fs::directory_options::skip_permission_denied, error), end;
  while (!error && at != end && all.size() < entries_max) {
    auto kind = at->symlink_status(error).type();
    if (kind != fs::file_type::directory) all.push_back(at->path());
    at.increment(error);
  }
  std::sort(all.begin(), all.end());
  return all;
}

/// Removes a tree, also one whose folders the program made unreadable.
void remove_tree(const fs::path& top) {
  std::error_code error;
  fs::remove_all(top, error);
  if (!error) return;
  constexpr auto owner = fs::perms::owner_all;
  fs::permissions(top, owner, fs::perm_options::add | fs::perm_options::nofollow, error);
  fs::recursive_directory_iterator at(top, error), end;
  while (!error && at != end) {
    std::error_code ignored;  // remove_all below is the judge
    if (at->symlink_status(ignored).type() == fs::file_type::directory)
      fs::permissions(at->path(), owner, fs::perm_options::add, ignored);
    at.increment(error);
  }
  fs::remove_all(top, error);
  if (error) log::warn("work folder stays", {{"path", top.string()}, {"error", error.message()}});
}

}  // namespace

std::optional<std::string> work_folder::open(const std::string& work_root, const std::string& job_id, int64_t epoch) {
  if (!is_safe_id(job_id)) return "the job's id cannot name a folder";
  std::error_code error;
  auto job = fs::absolute(work_root, error) / job_id;
  auto path = job / std::to_string(epoch);
  if (!error) fs::create_directories(job.parent_path(), error);
  if (error) return "cannot make the work root: " + error.message();
  remove_tree(path);                          // left by a crash; nobody else may have this epoch
  for (auto tries = 0; tries < 3; ++tries) {  // an earlier attempt's end may take the job's folder from under us
    if (mkdir(job.c_str(), 0700) != 0 && errno != EEXIST) break;
    if (mkdir(path.c_str(), 0700) == 0 || errno != ENOENT) break;
  }
  auto number = errno;
  if (!fs::is_directory(path, error)) return "cannot make the work folder: " + system_text(number);
  path_ = path;
  auto made = true;
  for (auto& each : {artifacts(), temporary(), checkpoint()}) made = made && mkdir(each.c_str(), 0700) == 0;
  if (made) return {};
  return "cannot make the work folder: " + system_text(errno);
}

std::optional<std::string> work_folder::write_file(const std::string& name, std::string_view content) const {
  descriptor file(::open((path_ / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700));
  while (file && !content.empty()) {
    auto done = ::write(file.get(), content.data(), content.size());
    if (done < 0) return "cannot write " + name + ": " + system_text(errno);
    content.remove_prefix(static_cast<size_t>(done));
  }
  if (!file) return "cannot write " + name + ": " + system_text(errno);
  return {};
}

std::vector<artifact> work_folder::keep_artifacts() {
  std::vector<artifact> kept;
  fs::path top = artifacts();
  if (!fs::is_directory(fs::symlink_status(top))) return kept;  // the program may have put a link in its place
  for (auto& file : entries_below(top)) {
    auto found = kept.size() < artifacts_max ? describe(file, file.lexically_relative(top).string()) : std::nullopt;
    if (found) kept.push_back(std::move(*found));
    std::error_code ignored;  // only what is listed should stay; a rest harms nobody
    if (!found) fs::remove(file, ignored);
  }
  keeps_artifacts_ = !kept.empty();
  return kept;
}

std::optional<std::string> work_folder::read(const artifact& what) const {
  int64_t bytes = 0;
  auto opened = open_regular(fs::path{artifacts()} / what.name, bytes);
  if (!opened || bytes != what.bytes) return {};
  std::string content(static_cast<size_t>(bytes), '\0');
  for (size_t at = 0; at < content.size();) {
    auto got = ::read(opened.get(), content.data() + at, content.size() - at);
    if (got <= 0) return {};
    at += static_cast<size_t>(got);
  }
  return content;
}

work_folder::~work_folder() {
  if (path_.empty()) return;
  std::error_code ignored;  // the folders above are shared: they go when they are empty
  if (!keeps_artifacts_) {
    remove_tree(path_);
  } else {
    std::vector<fs::path> rest;
    for (auto& entry : fs::directory_iterator(path_, ignored))
      if (entry.path().filename() != "artifacts") rest.push_back(entry.path());
    for (auto& each : rest) remove_tree(each);
  }
  fs::remove(path_.parent_path(), ignored);
}

}  // namespace troupe
