// Blocking loopback sockets: the other side of what is tested.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/net/listen_socket.h"
#include "proxy/net/socket_address.h"

namespace flaskscale::net {

inline SocketAddress loopback(uint16_t port = 0) {
  return *SocketAddress::from_endpoint({"127.0.0.1", port});
}

// A blocking socket that gives up waiting after 20 s.
class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) {
    const timeval patience{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  static RawSocket connected_to(const SocketAddress& to) {
    RawSocket socket(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), to.raw(), to.length()), 0) << errno;
    return socket;
  }

  int get() const { return fd_.get(); }
  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Up to `count` bytes, fewer only at the end; last_error() tells how it ended.
  std::string receive(size_t count) {
    std::string bytes(count, '\0');
    size_t have = 0;
    error_ = 0;
    while (have < count) {
      const ssize_t n = ::recv(get(), bytes.data() + have, count - have, 0);
      if (n < 0) error_ = errno;
      if (n <= 0) break;
      have += static_cast<size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }
  int last_error() const { return error_; }
  void close() { fd_ = OwnedFd(); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  OwnedFd fd_;
  int error_ = 0;
};

// A listener that nobody accepts from but the test.
class RawListener {
 public:
  RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = loopback();
    EXPECT_EQ(::bind(fd_.get(), any.raw(), any.length()), 0);
    EXPECT_EQ(::listen(fd_.get(), 16), 0);
  }
  SocketAddress address() const { return local_address(fd_.get()); }
  RawSocket accept() const { return RawSocket(::accept(fd_.get(), nullptr, nullptr)); }

 private:
  OwnedFd fd_;
};

}  // namespace flaskscale::net
