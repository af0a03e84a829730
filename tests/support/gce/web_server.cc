#include "tests/support/gce/web_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "tests/support/gce/web_parse.h"

namespace flaskscale::emulator {
namespace {

constexpr int kBacklog = 512;

bool send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool has_left(int descriptor) {
  pollfd watched{descriptor, POLLIN | POLLRDHUP, 0};
  if (poll(&watched, 1, 0) <= 0) return false;
  if ((watched.revents & (POLLHUP | POLLERR | POLLNVAL | POLLRDHUP)) != 0) return true;
  char byte = 0;
  return recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

// The peer sees a reset instead of an end.
void close_hard(int descriptor) {
  const linger hard{1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

}  // namespace

Result<std::unique_ptr<WebServer>> WebServer::open(const std::string& address, uint16_t port,
                                                   Handler handler) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &place.sin_addr) != 1) {
    return make_error(ErrorCode::invalid_argument, address + " is no IPv4 address");
  }
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return error_from_errno(errno, "socket");
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  socklen_t length = sizeof place;
  auto* generic = reinterpret_cast<sockaddr*>(&place);
  if (bind(listener, generic, length) != 0 || listen(listener, kBacklog) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    Error error = error_from_errno(errno, "listen on " + address);
    close(listener);
    return error;
  }
  return std::unique_ptr<WebServer>(
      new WebServer(listener, ntohs(place.sin_port), std::move(handler)));
}

WebServer::WebServer(int listener, uint16_t port, Handler handler)
    : listener_(listener), port_(port), handler_(std::move(handler)) {
  acceptor_ = std::thread([this] { accept_all(); });
}

void WebServer::stop_accepting() {
  draining_ = true;
  shutdown(listener_, SHUT_RDWR);
}

WebServer::~WebServer() {
  closing_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (Connection& connection : connections_) {
      if (connection.descriptor >= 0) shutdown(connection.descriptor, SHUT_RDWR);
    }
  }
  for (Connection& connection : connections_) connection.thread.join();
}

size_t WebServer::connections() {
  const std::lock_guard lock(mutex_);
  join_ended();
  return connections_.size();
}

void WebServer::join_ended() {
  connections_.remove_if([](Connection& connection) {
    if (connection.descriptor >= 0) return false;
    connection.thread.join();
    return true;
  });
}

void WebServer::accept_all() {
  while (!closing_ && !draining_) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const int descriptor =
        accept4(listener_, reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC);
    if (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (descriptor < 0) return;
    std::array<char, INET_ADDRSTRLEN> peer{};
    inet_ntop(AF_INET, &from.sin_addr, peer.data(), peer.size());
    const std::lock_guard lock(mutex_);
    join_ended();
    Connection& connection = connections_.emplace_back();
    connection.descriptor = descriptor;
    connection.peer = peer.data();
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void WebServer::serve(Connection& connection) {
  std::string received;
  while (!closing_ && exchange(connection, received)) {
  }
  const std::lock_guard lock(mutex_);
  close(connection.descriptor);
  connection.descriptor = -1;
}

// False: the connection is over.
bool WebServer::exchange(Connection& connection, std::string& received) {
  const int descriptor = connection.descriptor;
  WebRequest request;
  bool wants_continue = false;
  bool continued = false;
  for (;;) {
    const WebParse parsed = take_request(received, request, wants_continue);
    if (parsed == WebParse::complete) break;
    if (parsed == WebParse::bad) {
      send_all(descriptor, to_wire(WebReply::text(400, "bad request"), false));
      return false;
    }
    if (wants_continue && !continued) {
      continued = true;
      if (!send_all(descriptor, "HTTP/1.1 100 Continue\r\n\r\n")) return false;
    }
    std::array<char, 16'384> buffer;
    const ssize_t count = recv(descriptor, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    received.append(buffer.data(), static_cast<size_t>(count));
  }
  request.peer = connection.peer;
  const WebSending sending = handler_(request, [&] { return closing_ || has_left(descriptor); });
  if (sending.cut == Cut::refuse || sending.cut == Cut::reset || sending.cut == Cut::hang) {
    close_hard(descriptor);
    return false;
  }
  const bool keep = !draining_ && request.header("connection") != "close";
  const std::string wire = to_wire(sending.reply, keep);
  if (sending.cut == Cut::truncate) {
    const size_t half = wire.size() - sending.reply.body.size() / 2 - 1;
    send_all(descriptor, std::string_view(wire).substr(0, half));
    return false;
  }
  return send_all(descriptor, wire) && keep;
}

}  // namespace flaskscale::emulator
