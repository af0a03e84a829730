// A listening socket: bound before anything runs, then accepting on one loop.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/socket_address.h"

struct uv_poll_s;

namespace flaskscale::net {

// An open descriptor, closed with its owner.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

// `count` sockets bound to the same address and port with SO_REUSEPORT, listening, one for each
// worker. Port 0 takes a free one. The error names the address and what to do about it.
Result<std::vector<OwnedFd>> bind_listeners(const SocketAddress& address, unsigned count);

// The address that a socket is bound to.
SocketAddress local_address(int fd);

// Accepts on one loop. Loop thread only.
class Acceptor {
 public:
  // Called once for each client, with a non-blocking socket.
  using OnAccept = std::function<void(OwnedFd socket, const SocketAddress& peer)>;
  // Asked before each accept whether there is room for one more; what was given and not used is
  // given back.
  struct Room {
    std::function<bool()> take;
    std::function<void()> give_back;
  };

  Acceptor(EventLoop& loop, OwnedFd socket, Room room, OnAccept on_accept);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Without room it pauses by itself, and clients wait in the kernel's backlog until resume().
  void resume();

  // Takes all who already wait in the backlog; before closing.
  void accept_all();

 private:
  void pause();
  void accept_some();

  OwnedFd socket_;
  Room room_;
  OnAccept on_accept_;
  uv_poll_s* poll_;
  bool paused_ = true;
};

}  // namespace flaskscale::net
