#include "proxy/server/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace flaskscale::server {
namespace {

// The process id that the holder of a lock has written into it; empty: unknown.
std::string read_holder(int file) {
  char text[32] = {};
  const ssize_t size = pread(file, text, sizeof text - 1, 0);
  std::string holder(text, size > 0 ? static_cast<size_t>(size) : 0);
  while (!holder.empty() && (holder.back() < '0' || holder.back() > '9')) holder.pop_back();
  return holder;
}

}  // namespace

Result<void> StateDir::hold() {
  if (lock_) return {};
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) return error_from_errno(error.value(), "state_dir: create " + path_);
  const std::string name = path_ + "/flaskscale.lock";
  scaler::FileDescriptor lock(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return error_from_errno(errno, "state_dir: open " + name);
  if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return error_from_errno(errno, "state_dir: lock " + name);
    const std::string holder = read_holder(lock.number());
    return make_error(ErrorCode::unavailable,
                      "another FlaskScale" + (holder.empty() ? "" : " (process " + holder + ")") +
                          " scales with state_dir " + path_ +
                          "; this one serves, and scales when that one has ended");
  }
  const std::string own = std::to_string(getpid()) + "\n";
  // For people only; the lock counts.
  if (ftruncate(lock.number(), 0) != 0 ||
      pwrite(lock.number(), own.data(), own.size(), 0) != static_cast<ssize_t>(own.size())) {
    return error_from_errno(errno, "state_dir: write " + name);
  }
  lock_ = std::move(lock);
  return {};
}

}  // namespace flaskscale::server
