#include "proxy/net/socket_transport.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"
#include "proxy/net/uv_handle.h"

namespace flaskscale::net {
namespace {

constexpr size_t kMaxParts = 4;

IoResult failure(int error_number) {
  if (error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR) {
    return {IoResult::Status::would_block, 0, 0};
  }
  return {IoResult::Status::failed, 0, error_number};
}

// `unavailable`: this machine has no descriptor, port or memory for it; it says nothing about the
// peer.
Error connect_error(int error_number, const SocketAddress& to) {
  Error error = error_from_errno(error_number, "connect to " + to.to_string());
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
      error.code = ErrorCode::unavailable;
      break;
    default:
      break;
  }
  return error;
}

}  // namespace

void SocketTransport::on_poll(uv_poll_s* poll, int status, int events) {
  auto* const transport = static_cast<SocketTransport*>(poll->data);
  if (transport == nullptr) return;
  unsigned ready = static_cast<unsigned>(events);
  if (status < 0) {
    // An error condition: libuv has stopped polling. Reads and writes fetch it from the socket, but
    // a read first gives what came before it, so polling must go on.
    transport->start_polling();
    ready = UV_READABLE | UV_WRITABLE | UV_DISCONNECT;
  }
  const auto wanted = static_cast<unsigned>(transport->interest_);
  const bool readable = (ready & UV_READABLE) != 0 && (wanted & 1U) != 0;
  const bool ended = (ready & UV_DISCONNECT) != 0 && (wanted & 4U) != 0;
  if (readable || ended) {
    transport->handler_->on_readable();
    if (poll->data == nullptr) return;  // the handler closed us
  }
  if ((ready & UV_WRITABLE) != 0 && (wanted & 2U) != 0) {
    transport->handler_->on_writable();  // another, if the first one handed us over
  }
}

SocketTransport::SocketTransport(EventLoop& loop, int fd, TransportHandler& handler)
    : handler_(&handler), poll_(new uv_poll_t), fd_(fd) {
  FS_CHECK(uv_poll_init(loop.uv(), poll_, fd) == 0);
  poll_->data = this;
}

SocketTransport::~SocketTransport() {
  CloseHandle<uv_poll_t>()(poll_);
  ::close(fd_);  // uv_close has taken it out of the poll set
}

Result<std::unique_ptr<SocketTransport>> SocketTransport::connect(EventLoop& loop,
                                                                  const SocketAddress& to,
                                                                  TransportHandler& handler) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return connect_error(errno, to);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, to.raw(), to.length()) != 0 && errno != EINPROGRESS) {
    const int error_number = errno;
    ::close(fd);
    return connect_error(error_number, to);
  }
  auto transport = std::make_unique<SocketTransport>(loop, fd, handler);
  transport->watch(Interest::writable);
  return transport;
}

IoResult SocketTransport::read(std::span<char> into) {
  const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
  if (n > 0) return {IoResult::Status::ok, static_cast<size_t>(n), 0};
  if (n == 0) return {IoResult::Status::closed, 0, 0};
  return failure(errno);
}

IoResult SocketTransport::write(std::span<const std::string_view> parts) {
  FS_CHECK(parts.size() <= kMaxParts);
  std::array<iovec, kMaxParts> vectors;  // NOLINT: filled below
  size_t count = 0;
  for (const auto part : parts) {
    if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
  }
  if (count == 0) return {};
  ssize_t n = 0;
  if (count == 1) {
    n = ::send(fd_, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  }
  if (n >= 0) return {IoResult::Status::ok, static_cast<size_t>(n), 0};
  return failure(errno);
}

void SocketTransport::watch(Interest interest) {
  if (interest == interest_) return;
  interest_ = interest;
  if (interest == Interest::none) {
    uv_poll_stop(poll_);
    return;
  }
  start_polling();
}

void SocketTransport::start_polling() {
  const auto bits = static_cast<unsigned>(interest_);
  const int events = ((bits & 1U) != 0 ? UV_READABLE : 0) | ((bits & 2U) != 0 ? UV_WRITABLE : 0) |
                     ((bits & 4U) != 0 ? UV_DISCONNECT : 0);
  FS_CHECK(uv_poll_start(poll_, events, on_poll) == 0);
}

void SocketTransport::abort() {
  const linger reset{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

void SocketTransport::shut_down_writing() { ::shutdown(fd_, SHUT_WR); }

int SocketTransport::connect_result() {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) return errno;
  return error_number;
}

bool SocketTransport::is_quiet() {
  char byte = 0;
  return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace flaskscale::net
