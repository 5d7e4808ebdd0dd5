// flock, for it belongs to the open file: a second writer in the same process is refused, too.
#include "persistence/data_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "persistence/store.hpp"

namespace troupe {

data_lock::data_lock(const std::string& path) : file_{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)} {
  if (file_ < 0) throw store_unavailable{path + ": " + std::generic_category().message(errno)};
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  auto why = errno;
  ::close(file_);
  if (why == EWOULDBLOCK) throw store_unavailable{path + ": another server is using this data folder"};
  throw store_unavailable{path + ": " + std::generic_category().message(why)};
}

data_lock::~data_lock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace troupe
