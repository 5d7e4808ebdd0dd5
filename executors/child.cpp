// fork and exec. Between the two only async-signal-safe calls: other threads may have held any lock.
#include "executors/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "executors/usage.hpp"

namespace troupe {
namespace {

constexpr int exec_ms_max = 10'000;
constexpr int first_free_fd = 3;

/// Everything the child needs, laid out before the fork.
struct prepared {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int in, out, err, complaints;
  rlim_t cpu_seconds;
  rlim_t descriptors_max;
  pid_t parent;
  const int* doors;
  size_t doors_count;
  bool private_ipc;
};

struct complaint {
  int number;
  bool by_exec;
};

[[noreturn]] void give_up(const prepared& what, bool by_exec) {
  complaint said{errno, by_exec};
  if (write(what.complaints, &said, sizeof said) < 0) _exit(126);  // nobody is left to hear it
  _exit(127);
}

void restore_signals() {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (auto each = 1; each < NSIG; ++each) sigaction(each, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void limit_resources(const prepared& what) {
  rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (what.cpu_seconds == 0) return;
  rlimit cpu{what.cpu_seconds, what.cpu_seconds + 1};  // SIGXCPU, then SIGKILL
  setrlimit(RLIMIT_CPU, &cpu);  // may be refused under a lower limit of our own; the supervisor measures, too
}

void close_others_on_exec(rlim_t descriptors_max) {
  if (close_range(first_free_fd, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (auto each = first_free_fd; each < static_cast<int>(descriptors_max); ++each) fcntl(each, F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void become(const prepared& what) {
  setsid();  // a session and a process group of its own, and no terminal
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != what.parent) _exit(127);  // the parent died before it could be told
  for (size_t i = 0; i < what.doors_count; ++i)
    if (write(what.doors[i], "0", 1) != 1) give_up(what, false);
  if (what.private_ipc && unshare(CLONE_NEWIPC) != 0) give_up(what, false);
  if (chdir(what.folder) != 0) give_up(what, false);
  if (dup2(what.in, 0) < 0 || dup2(what.out, 1) < 0 || dup2(what.err, 2) < 0) give_up(what, false);
  close_others_on_exec(what.descriptors_max);
  limit_resources(what);
  umask(077);
  restore_signals();
  execve(what.program, what.arguments, what.environment);
  give_up(what, true);
}

struct pipe_ends {
  descriptor read, write;
};

/// Never below 3, where the child's dup2 would trample on it.
descriptor above_standard(int number) {
  descriptor original(number);
  if (number < 0 || number >= first_free_fd) return original;
  return descriptor(fcntl(number, F_DUPFD_CLOEXEC, first_free_fd));
}

pipe_ends make_pipe() {
  int both[2] = {-1, -1};
  if (pipe2(both, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
  pipe_ends ends;
  ends.read = above_standard(both[0]);
  ends.write = above_standard(both[1]);
  if (!ends.read || !ends.write) throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
  return ends;
}

void do_not_block(const descriptor& of_ours) { fcntl(of_ours.get(), F_SETFL, O_NONBLOCK); }

bool is_executable(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && access(path.c_str(), X_OK) == 0;
}

/// As execvp does it, but before the fork: it is not async-signal-safe. Empty when there is no such program.
std::string find_program(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) return name;
  while (!path.empty()) {
    auto colon = path.find(':');
    auto candidate = std::string(path.substr(0, colon)) + "/" + name;
    auto absolute = path.front() == '/';  // others would mean the server's working folder
    if (absolute && is_executable(candidate)) return candidate;
    path = colon == std::string_view::npos ? std::string_view{} : path.substr(colon + 1);
  }
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& each : texts) all.push_back(each.data());
  all.push_back(nullptr);
  return all;
}

/// Waits until the program runs: then the pipe closes by itself. A complaint means that it never will.
std::optional<complaint> hear(const descriptor& complaints) {
  pollfd wait{complaints.get(), POLLIN, 0};
  if (poll(&wait, 1, exec_ms_max) <= 0) return complaint{ETIMEDOUT, false};
  complaint said{};
  if (read(complaints.get(), &said, sizeof said) != sizeof said) return {};
  return said;
}

bool is_nodes_fault(const complaint& said) {
  if (!said.by_exec) return true;
  for (auto number : {EAGAIN, ENOMEM, EMFILE, ENFILE, EIO})
    if (said.number == number) return true;
  return false;
}

launch_error explain(const complaint& said, const std::string& name) {
  return {!is_nodes_fault(said), "cannot run " + name + ": " + std::generic_category().message(said.number)};
}

/// By number: the header of glibc 2.36 declares its function for C only.
descriptor open_pidfd(pid_t id) { return descriptor(static_cast<int>(syscall(SYS_pidfd_open, id, 0))); }

rlim_t descriptors_max() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? limit.rlim_cur : 65536;
}

}  // namespace

std::optional<launch_error> child::start(const launch& what) {
  auto path = what.environment.find("PATH");
  auto name = what.command.front();
  auto program = find_program(name, path == what.environment.end() ? std::string_view{} : path->second);
  if (program.empty()) return launch_error{true, "cannot run " + name + ": no such program on the PATH of this node"};

  auto texts = what.command;
  auto arguments = pointers(texts);
  std::vector<std::string> settings;
  for (auto& [key, value] : what.environment) settings.push_back(key + "=" + value);
  auto environment = pointers(settings);

  auto to_stdin = make_pipe(), from_stdout = make_pipe(), from_stderr = make_pipe(), complaints = make_pipe();
  if (!what.with_stdin) to_stdin.read = above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto doors = what.group ? what.group->doors() : std::vector<int>{};
  group_ = what.group;
  prepared ready{program.c_str(),
                 arguments.data(),
                 environment.data(),
                 what.folder.c_str(),
                 to_stdin.read.get(),
                 from_stdout.write.get(),
                 from_stderr.write.get(),
                 complaints.write.get(),
                 static_cast<rlim_t>(what.cpu_seconds),
                 descriptors_max(),
                 getpid(),
                 doors.data(),
                 doors.size(),
                 what.private_ipc};
  id_ = fork();
  if (id_ == 0) become(ready);
  if (id_ < 0) return launch_error{false, "cannot fork: " + std::generic_category().message(errno)};
  complaints.write.close();
  if (auto said = hear(complaints.read)) return explain(*said, name);

  if (what.with_stdin) in = std::move(to_stdin.write);
  out = std::move(from_stdout.read);
  err = std::move(from_stderr.read);
  for (auto each : {&in, &out, &err}) do_not_block(*each);
  end_event = open_pidfd(id_);
  return {};
}

bool child::ended() const {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == id_;
}

child_end child::reap() {
  kill_session(id_);
  if (group_) group_->kill_all();
  child_end end;
  while (wait4(id_, &end.status, 0, &end.used) < 0 && errno == EINTR) continue;
  id_ = -1;
  return end;
}

child::~child() {
  if (id_ <= 0) return;
  kill(id_, SIGKILL);
  reap();
}

}  // namespace troupe
