// A listening socket: bound before anything runs, then accepting on one loop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
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

// The file of a Unix socket that this process listens on: removed with its owner, unless somebody
// else has put another in its place.
class SocketFile {
 public:
  SocketFile() = default;
  // The socket has just been bound there.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept : path_(std::exchange(other.path_, {})), id_(other.id_) {}
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { remove(); }

  // The file is somebody else's business from now on.
  void release() { path_.clear(); }
  // Who may connect, as of chmod.
  void set_mode(uint32_t mode) const;

 private:
  struct Id {
    uint64_t device = 0;
    uint64_t inode = 0;
    bool operator==(const Id&) const = default;
  };
  static Id id_of(const std::string& path);
  void remove();

  std::string path_;  // empty: none
  Id id_;
};

// `count` sockets for one Unix socket that share its backlog. A file that a dead process left there
// is removed; one that somebody listens on, or that is no socket, is an error.
Result<std::vector<OwnedFd>> bind_unix_listeners(const SocketAddress& address, unsigned count,
                                                 uint32_t mode);

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
  // One in a turn of the loop, so that a flood of clients does not starve those connected. False:
  // nobody waits, or nobody more is taken now.
  bool accept_one();

  OwnedFd socket_;
  Room room_;
  OnAccept on_accept_;
  uv_poll_s* poll_;
  bool paused_ = true;
};

}  // namespace flaskscale::net
