// Tries what is allowed here, and tidies up after an earlier life.
#include "executors/isolation.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "config/log.hpp"
#include "executors/control_group.hpp"
#include "executors/descriptor.hpp"
#include "executors/docker.hpp"
#include "executors/docker_engine.hpp"

namespace troupe {
namespace {

/// 0, or the number of the error.
int try_private_ipc() {
  auto child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWIPC) == 0 ? 0 : errno);
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EAGAIN;
}

std::string ipc_words(int trouble) {
  return trouble == 0 ? "ipc" : "no (" + std::generic_category().message(trouble) + ")";
}

/// Free again however this process ends. By it we know that nobody else works in the folder.
std::shared_ptr<void> lock_folder(const std::string& path) {
  auto folder = std::make_shared<descriptor>(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!*folder || flock(folder->get(), LOCK_EX | LOCK_NB) != 0) return {};
  return folder;
}

void end_leftovers(run_environment& environment) {
  environment.work_root_lock = lock_folder(environment.work_root);
  if (!environment.work_root_lock) {
    log::warn("another node works in the same folder", {{"path", environment.work_root}});
    return;
  }
  auto groups = environment.groups ? environment.groups->end_leftovers() : 0;
  if (groups > 0) log::warn("ended programs of an earlier life", {{"attempts", std::to_string(groups)}});
  if (environment.docker_socket.empty()) return;
  auto containers = remove_leftover_containers(environment.docker_socket, environment.work_root);
  if (containers > 0) log::warn("removed containers of an earlier life", {{"containers", std::to_string(containers)}});
}

}  // namespace

void isolate(run_environment& environment) {
  std::error_code error;
  std::filesystem::create_directories(environment.work_root, error);
  environment.work_root = std::filesystem::absolute(environment.work_root, error).lexically_normal().string();
  auto groups = std::make_shared<control_groups>(environment.work_root);
  auto ipc = try_private_ipc();
  auto engine = find_engine();
  log::info("isolation",
            {{"control_groups", groups->words()}, {"namespaces", ipc_words(ipc)}, {"docker", engine.words}});
  if (groups->active()) environment.groups = groups;
  environment.private_ipc = ipc == 0;
  environment.docker_socket = engine.socket;
  end_leftovers(environment);
}

std::vector<label> found_labels(const run_environment& environment) {
  if (environment.docker_socket.empty()) return {};
  return {{"docker", "yes"}};
}

std::vector<std::string> isolation_words() {
  return {"control groups: " + control_groups("/config-check-" + std::to_string(getpid())).words(),
          "namespaces: " + ipc_words(try_private_ipc()), "container engine: " + find_engine().words};
}

}  // namespace troupe
