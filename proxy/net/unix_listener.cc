// Unix sockets to listen on, and their files.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "proxy/net/listen_socket.h"

namespace flaskscale::net {
namespace {

constexpr int kUnixBacklog = 4096;  // the kernel lowers it to somaxconn

Error listen_error(int error_number, const SocketAddress& address, std::string_view hint) {
  Error error = error_from_errno(error_number, "listen on " + address.to_string());
  if (!hint.empty()) error.detail.append(" (").append(hint).append(")");
  return error;
}

// Nobody listens on the file any more, or it is not there.
Result<void> remove_stale(const SocketAddress& address) {
  const std::string path = address.unix_path();
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return listen_error(errno, address, "");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return listen_error(EEXIST, address, "there is a file of another kind");
  }
  const OwnedFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) return listen_error(errno, address, "");
  const int connected = ::connect(probe.get(), address.raw(), address.length());
  if (connected == 0 || errno != ECONNREFUSED) {
    return listen_error(EADDRINUSE, address, "another program, or another FlaskScale, has it");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return listen_error(errno, address, "");
  return {};
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)), id_(id_of(path_)) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    id_ = other.id_;
  }
  return *this;
}

SocketFile::Id SocketFile::id_of(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::lstat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

void SocketFile::set_mode(uint32_t mode) const {
  if (!path_.empty() && id_of(path_) == id_) ::chmod(path_.c_str(), mode);
}

void SocketFile::remove() {
  if (!path_.empty() && id_of(path_) == id_) ::unlink(path_.c_str());
  path_.clear();
}

Result<std::vector<OwnedFd>> bind_unix_listeners(const SocketAddress& address, unsigned count,
                                                 uint32_t mode) {
  if (auto removed = remove_stale(address); !removed) return removed.error();
  std::vector<OwnedFd> sockets;
  sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int first = sockets.front().get();
  if (first < 0) return listen_error(errno, address, "");
  if (::bind(first, address.raw(), address.length()) != 0) {
    return listen_error(errno, address,
                        errno == ENOENT ? "its folder is not there" : std::string_view());
  }
  SocketFile file(address.unix_path());  // removed again if something fails
  // Nobody can connect before listen().
  file.set_mode(mode);
  if (::listen(first, kUnixBacklog) != 0) return listen_error(errno, address, "");
  while (sockets.size() < count) {
    const int copy = ::fcntl(first, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return listen_error(errno, address, "");
    sockets.emplace_back(copy);
  }
  file.release();
  return sockets;
}

}  // namespace flaskscale::net
