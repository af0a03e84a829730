// The benchmark's backend: answers every GET with 128 bytes, GET /page with 64 KiB, and keeps the
// connection. One thread.
// GET /stats tells how many connections and requests there were, itself not counted.
//   peers_responder [PORT]
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/peers/poller.h"

namespace flaskscale::bench {
namespace {

std::string response(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nServer: responder\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Connection {
  int descriptor = -1;
  std::string received;  // the begin of a head that is not complete yet
  Outgoing out;
  bool writing = false;  // waits until the socket takes more; nothing is read meanwhile
};

class Responder {
 public:
  explicit Responder(uint16_t port)
      : listener_(listen_on_loopback(port)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        answer_(response(std::string(128, 'x'))),
        page_(response(std::string(64UL << 10U, 'x'))) {
    if (epoll_ < 0) die("epoll_create1");
    watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int index = 0; index < count; ++index) {
        auto* connection = static_cast<Connection*>(events.at(static_cast<size_t>(index)).data.ptr);
        if (connection == nullptr) {
          accept_all();
        } else if (!serve(*connection)) {
          close(connection->descriptor);
          delete connection;
        }
      }
    }
  }

 private:
  void accept_all() {
    for (int descriptor = accept_connection(listener_); descriptor >= 0;
         descriptor = accept_connection(listener_)) {
      ++connections_;
      auto* connection = new Connection;  // owned by its epoll entry, until it is closed
      connection->descriptor = descriptor;
      watch(epoll_, EPOLL_CTL_ADD, descriptor, EPOLLIN, connection);
    }
  }

  // False: the connection is to be closed.
  bool serve(Connection& connection) {
    if (connection.writing) return send(connection, {});
    const ssize_t count = recv(connection.descriptor, buffer_.data(), buffer_.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    std::string_view bytes(buffer_.data(), static_cast<size_t>(count));
    if (!connection.received.empty()) {
      connection.received.append(bytes);
      bytes = connection.received;
    }
    std::string answers;
    for (size_t end = bytes.find("\r\n\r\n"); end != std::string_view::npos;
         end = bytes.find("\r\n\r\n")) {
      answers += answer_to(bytes);
      bytes.remove_prefix(end + 4);
    }
    if (bytes.size() > buffer_.size()) return false;
    connection.received = std::string(bytes);
    return answers.empty() || send(connection, answers);
  }

  std::string answer_to(std::string_view head) {
    if (head.starts_with("GET /page ")) return page_;
    if (head.starts_with("GET /stats ")) {
      --connections_;
      return response(std::to_string(connections_) + " " + std::to_string(requests_));
    }
    ++requests_;
    return answer_;
  }

  bool send(Connection& connection, std::string_view bytes) {
    const Sent sent = connection.out.send(connection.descriptor, bytes);
    const bool writing = sent == Sent::partly;
    if (writing != connection.writing) {
      connection.writing = writing;
      watch(epoll_, EPOLL_CTL_MOD, connection.descriptor, writing ? EPOLLOUT : EPOLLIN,
            &connection);
    }
    return sent != Sent::broken;
  }

  int listener_;
  int epoll_;
  std::string answer_;
  std::string page_;
  uint64_t connections_ = 0;
  uint64_t requests_ = 0;
  std::array<char, 65536> buffer_{};
};

}  // namespace
}  // namespace flaskscale::bench

int main(int count, char** arguments) {
  flaskscale::bench::Responder(flaskscale::bench::port_argument(count, arguments, 1)).run();
}
