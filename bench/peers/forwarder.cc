// Forwards bytes between clients and one backend without looking at them: the floor of what a proxy
// costs on this machine. One thread; every client connection has its own backend connection.
//   peers_forwarder BACKEND_PORT [PORT]
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/peers/poller.h"

namespace flaskscale::bench {
namespace {

struct Pair;

// One of the two connections of a pair, and what is to be sent into it.
struct Side {
  int descriptor = -1;
  Pair* pair = nullptr;
  Side* other = nullptr;
  Outgoing out;
  uint32_t watched = EPOLLIN;
  bool ended = false;   // its peer sends nothing more
  bool passed = false;  // its end was passed on to the other side
};

struct Pair {
  Side client;
  Side backend;
  bool broken = false;
};

class Forwarder {
 public:
  Forwarder(uint16_t backend_port, uint16_t port)
      : listener_(listen_on_loopback(port)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
    backend_.sin_family = AF_INET;
    backend_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    backend_.sin_port = htons(backend_port);
    watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int index = 0; index < count; ++index) {
        on_event(events.at(static_cast<size_t>(index)));
      }
      for (Pair* pair : finished_) end(*pair);
      finished_.clear();
    }
  }

 private:
  void on_event(const epoll_event& event) {
    if (event.data.ptr == nullptr) {
      accept_all();
      return;
    }
    Side& side = *static_cast<Side*>(event.data.ptr);
    Pair& pair = *side.pair;
    if (pair.broken) return;
    bool alive = (event.events & EPOLLERR) == 0;
    if (alive && (event.events & EPOLLOUT) != 0)
      alive = side.out.flush(side.descriptor) != Sent::broken;
    if (alive && (event.events & (EPOLLIN | EPOLLHUP)) != 0) alive = forward(side);
    if (alive) alive = settle(side) && settle(*side.other);
    if (!alive) {
      pair.broken = true;
      finished_.push_back(&pair);
    }
  }

  // Reads from `side` what there is, into the other one; false: the pair is at its end.
  bool forward(Side& side) {
    if (!side.other->out.empty()) return true;
    const ssize_t count = recv(side.descriptor, buffer_.data(), buffer_.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) side.ended = true;
    const std::string_view bytes(buffer_.data(), static_cast<size_t>(count));
    return side.other->out.send(side.other->descriptor, bytes) != Sent::broken;
  }

  // Passes an end on and watches for what can happen next; false: both directions have ended.
  bool settle(Side& side) {
    if (side.other->ended && side.out.empty() && !side.other->passed) {
      side.other->passed = true;
      shutdown(side.descriptor, SHUT_WR);
    }
    if (side.passed && side.other->passed) return false;
    const bool reads = !side.ended && side.other->out.empty();
    const uint32_t wanted = (reads ? EPOLLIN : 0U) | (side.out.empty() ? 0U : EPOLLOUT);
    if (wanted != side.watched) {
      side.watched = wanted;
      watch(epoll_, EPOLL_CTL_MOD, side.descriptor, wanted, &side);
    }
    return true;
  }

  void accept_all() {
    for (int client = accept_connection(listener_); client >= 0;
         client = accept_connection(listener_)) {
      const int backend = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (backend < 0) die("socket");
      const int yes = 1;
      setsockopt(backend, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      // Blocking: on loopback it is answered at once; afterwards the calls must not block.
      const bool connected =
          connect(backend, reinterpret_cast<sockaddr*>(&backend_), sizeof backend_) == 0;
      if (!connected) {
        std::perror("connect to the backend");
        close(backend);
        close(client);
        continue;
      }
      if (fcntl(backend, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
      begin(client, backend);
    }
  }

  void begin(int client, int backend) {
    auto pair = std::make_unique<Pair>();
    pair->client.descriptor = client;
    pair->client.other = &pair->backend;
    pair->backend.descriptor = backend;
    pair->backend.other = &pair->client;
    for (Side* side : {&pair->client, &pair->backend}) {
      side->pair = pair.get();
      watch(epoll_, EPOLL_CTL_ADD, side->descriptor, EPOLLIN, side);
    }
    pairs_.emplace(pair.get(), std::move(pair));
  }

  // After the loop over the events, which may still name this pair.
  void end(Pair& pair) {
    close(pair.client.descriptor);
    close(pair.backend.descriptor);
    pairs_.erase(&pair);
  }

  int listener_;
  int epoll_;
  sockaddr_in backend_{};
  std::array<char, 65536> buffer_{};
  std::unordered_map<Pair*, std::unique_ptr<Pair>> pairs_;
  std::vector<Pair*> finished_;
};

}  // namespace
}  // namespace flaskscale::bench

int main(int count, char** arguments) {
  using flaskscale::bench::port_argument;
  if (count < 2 || count > 3) {
    std::fputs("usage: peers_forwarder BACKEND_PORT [PORT]\n", stderr);
    return 2;
  }
  flaskscale::bench::Forwarder(port_argument(count, arguments, 1),
                               port_argument(count, arguments, 2))
      .run();
}
