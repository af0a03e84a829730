#include "proxy/admin/log_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace flaskscale::admin {
namespace {

constexpr mode_t kMode = 0640;

// O_NONBLOCK matters for pipes only: opening one without a reader fails at once, and writing never
// waits.
int open_path(const char* path) {
  return ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kMode);
}

}  // namespace

Result<std::shared_ptr<LogFile>> LogFile::open(const std::string& path) {
  if (path == "-") return open_standard_output();
  const int descriptor = open_path(path.c_str());
  if (descriptor < 0) return error_from_errno(errno, "open " + path);
  return std::shared_ptr<LogFile>(new LogFile(path, descriptor, Kind::never_waits));
}

// Standard output may share its open file with standard error and with other processes, so
// O_NONBLOCK must not be set on it. A pipe or terminal is opened a second time instead; a regular
// file is not, because two file positions in one file would overwrite each other.
Result<std::shared_ptr<LogFile>> LogFile::open_standard_output() {
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) != 0) return error_from_errno(errno, "standard output");
  int descriptor = -1;
  Kind kind = Kind::may_wait;
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    descriptor = ::open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor >= 0) kind = Kind::never_waits;
  } else if (S_ISSOCK(status.st_mode)) {
    kind = Kind::socket;
  } else {
    kind = Kind::never_waits;
  }
  if (descriptor < 0) descriptor = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (descriptor < 0) return error_from_errno(errno, "standard output");
  return std::shared_ptr<LogFile>(new LogFile("-", descriptor, kind));
}

LogFile::~LogFile() { ::close(descriptor_); }

size_t LogFile::write_some(std::string_view bytes) {
  ssize_t written = 0;
  do {
    switch (kind_) {
      case Kind::never_waits:
        written = ::write(descriptor_, bytes.data(), bytes.size());
        break;
      case Kind::socket:
        written = ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case Kind::may_wait: {
        // A pipe that polls as writable has room for PIPE_BUF bytes.
        pollfd writable{descriptor_, POLLOUT, 0};
        if (::poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0) return 0;
        written = ::write(descriptor_, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
        break;
      }
    }
  } while (written < 0 && errno == EINTR);
  return written < 0 ? 0 : static_cast<size_t>(written);
}

size_t LogFile::write(std::string_view lines, Contention contention) {
  std::unique_lock lock(mutex_, std::defer_lock);
  if (contention == Contention::wait) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return 0;
  }
  if (!rest_.empty()) {
    rest_.erase(0, write_some(rest_));
    if (!rest_.empty()) return 0;
  }
  size_t taken = 0;
  while (taken < lines.size()) {
    const size_t written = write_some(lines.substr(taken));
    if (written == 0) break;
    taken += written;
    if (kind_ != Kind::may_wait) break;
  }
  if (taken == 0 || lines[taken - 1] == '\n') return taken;
  const size_t end = std::min(lines.find('\n', taken), lines.size() - 1) + 1;
  rest_.assign(lines.substr(taken, end - taken));
  return end;
}

Result<void> LogFile::reopen() {
  if (path_ == "-") return {};
  const int fresh = open_path(path_.c_str());
  if (fresh < 0) return error_from_errno(errno, "open " + path_);
  const int replaced = ::dup3(fresh, descriptor_, O_CLOEXEC);
  const int error = errno;
  ::close(fresh);
  if (replaced < 0) return error_from_errno(error, "reopen " + path_);
  return {};
}

}  // namespace flaskscale::admin
