#include "bench/peers/poller.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace flaskscale::bench {

void die(const char* call) {
  std::fprintf(stderr, "%s: %s\n", call, std::strerror(errno));
  std::exit(1);
}

int listen_on_loopback(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  // Accepted sockets inherit it.
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0) die("bind");
  if (listen(listener, 4096) != 0) die("listen");
  if (getsockname(listener, generic, &size) != 0) die("getsockname");
  std::printf("%u\n", static_cast<unsigned>(ntohs(address.sin_port)));
  std::fflush(stdout);
  return listener;
}

int accept_connection(int listener) {
  const int connection = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const bool gone = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
  if (connection < 0 && !gone) die("accept4");
  return connection;
}

void watch(int epoll, int operation, int descriptor, uint32_t events, void* key) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = key;
  if (epoll_ctl(epoll, operation, descriptor, &event) != 0) die("epoll_ctl");
}

uint16_t port_argument(int count, char** arguments, int index) {
  if (index >= count) return 0;
  const std::string_view text = arguments[index];
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) {
    std::fprintf(stderr, "not a port: %s\n", arguments[index]);
    std::exit(2);
  }
  return port;
}

Sent Outgoing::send(int descriptor, std::string_view bytes) {
  const bool direct = waiting_.empty();
  if (!direct) waiting_.append(bytes);
  const std::string_view all = direct ? bytes : std::string_view(waiting_);
  if (all.empty()) return Sent::all;
  ssize_t sent = ::send(descriptor, all.data(), all.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) return Sent::broken;
    sent = 0;
  }
  const auto taken = static_cast<size_t>(sent);
  if (direct) {
    waiting_.assign(all.substr(taken));
  } else {
    waiting_.erase(0, taken);
  }
  return waiting_.empty() ? Sent::all : Sent::partly;
}

}  // namespace flaskscale::bench
