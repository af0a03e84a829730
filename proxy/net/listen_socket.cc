#include "proxy/net/listen_socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "proxy/net/uv_handle.h"

namespace flaskscale::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel lowers it to somaxconn

Error bind_error(int error_number, const SocketAddress& address) {
  Error error = error_from_errno(error_number, "listen on " + address.to_string());
  if (error_number == EADDRINUSE)
    error.detail += " (another program, or another FlaskScale, has it)";
  if (error_number == EACCES)
    error.detail += " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
  if (error_number == EADDRNOTAVAIL)
    error.detail += " (no interface of this machine has that address)";
  return error;
}

Result<OwnedFd> bind_one(const SocketAddress& address) {
  OwnedFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return bind_error(errno, address);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // Accepted sockets inherit it.
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (address.family() == AF_INET6)
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd.get(), address.raw(), address.length()) != 0) return bind_error(errno, address);
  return fd;
}

// SO_REUSEPORT would let a second FlaskScale of the same user share the port without a word; a bind
// without it tells.
Result<void> check_not_taken(const SocketAddress& address) {
  if (address.port() == 0) return {};
  const OwnedFd probe(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe.get() < 0) return bind_error(errno, address);
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) {
    ::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(probe.get(), address.raw(), address.length()) != 0) return bind_error(errno, address);
  return {};
}

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

SocketAddress local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  FS_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  return {reinterpret_cast<const sockaddr*>(&storage), length};
}

Result<std::vector<OwnedFd>> bind_listeners(const SocketAddress& address, unsigned count) {
  if (auto free = check_not_taken(address); !free) return free.error();
  SocketAddress bound = address;
  std::vector<OwnedFd> sockets;
  for (unsigned i = 0; i < count; ++i) {
    auto socket = bind_one(bound);
    if (!socket) return std::move(socket).error();
    bound.set_port(local_address(socket->get()).port());
    sockets.push_back(std::move(*socket));
  }
  for (const auto& socket : sockets) {
    if (::listen(socket.get(), kBacklog) != 0) return bind_error(errno, bound);
  }
  return sockets;
}

Acceptor::Acceptor(EventLoop& loop, OwnedFd socket, Room room, OnAccept on_accept)
    : socket_(std::move(socket)),
      room_(std::move(room)),
      on_accept_(std::move(on_accept)),
      poll_(new uv_poll_t) {
  FS_CHECK(uv_poll_init(loop.uv(), poll_, socket_.get()) == 0);
  poll_->data = this;
  resume();
}

Acceptor::~Acceptor() { CloseHandle<uv_poll_t>()(poll_); }

void Acceptor::pause() {
  if (std::exchange(paused_, true)) return;
  uv_poll_stop(poll_);
}

void Acceptor::resume() {
  if (!std::exchange(paused_, false)) return;
  uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    if (poll->data != nullptr) static_cast<Acceptor*>(poll->data)->accept_one();
  });
}

bool Acceptor::accept_one() {
  if (paused_) return false;
  if (!room_.take()) {
    pause();
    return false;
  }
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const int fd = ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&storage), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    const int error_number = errno;
    room_.give_back();
    if (error_number == ECONNABORTED || error_number == EINTR) return true;
    // Without descriptors the poll would come again at once, in vain; resume() tries again.
    if (error_number != EAGAIN && error_number != EWOULDBLOCK) pause();
    return false;
  }
  on_accept_(OwnedFd(fd), SocketAddress(reinterpret_cast<const sockaddr*>(&storage), length));
  return true;
}

void Acceptor::accept_all() {
  // A full backlog's worth at most.
  for (int i = 0; i < kBacklog && accept_one(); ++i) {
  }
}

}  // namespace flaskscale::net
