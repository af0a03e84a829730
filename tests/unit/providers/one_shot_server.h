// A small HTTP server in a thread: gives scripted answers, byte for byte, and keeps the requests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>  // NOLINT: mkdtemp
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"

namespace flaskscale::scaler {

// One connection at a time. An empty answer closes the connection.
class OneShotServer {
 public:
  enum class Kind { tcp, unix_socket };
  enum class After {
    keep,                   // serves the next request on this connection
    close,                  // after the answer
    hold,                   // stays silent until the client goes
    close_at_next_request,  // reads it, and closes without an answer
  };

  explicit OneShotServer(Kind kind = Kind::tcp) {
    if (kind == Kind::tcp) {
      bind_tcp();
    } else {
      bind_unix();
    }
    FS_CHECK(listen(listener_, 8) == 0);
    FS_CHECK(pipe(wake_) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneShotServer() {
    FS_CHECK(write(wake_[1], "", 1) == 1);
    stopping_ = true;
    thread_.join();
    close(listener_);
    close(wake_[0]);
    close(wake_[1]);
    if (!path_.empty()) {
      unlink(path_.c_str());
      rmdir(folder_.c_str());
    }
  }
  OneShotServer(const OneShotServer&) = delete;
  OneShotServer& operator=(const OneShotServer&) = delete;

  void answer(std::string bytes, After after = After::keep) {
    const std::lock_guard lock(mutex_);
    answers_.push_back({std::move(bytes), after});
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const std::string& path() const { return path_; }
  int connections() const { return connections_; }
  std::string request(size_t index) const {
    const std::lock_guard lock(mutex_);
    return index < requests_.size() ? requests_[index] : "";
  }

 private:
  struct Answer {
    std::string bytes;
    After after;
  };

  void bind_tcp() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    FS_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    FS_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }

  void bind_unix() {
    char folder[] = "/tmp/flaskscale-test-XXXXXX";
    FS_CHECK(mkdtemp(folder) != nullptr);
    folder_ = folder;
    path_ = folder_ + "/socket";
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path_.c_str());
    FS_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }

  // False: the server is to end, or nothing more comes.
  bool readable(int fd) const {
    pollfd both[2] = {{fd, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    while (!stopping_) {
      if (poll(both, 2, 1000) <= 0) continue;
      if (both[1].revents != 0) return false;
      if (both[0].revents != 0) return true;
    }
    return false;
  }

  void serve() {
    while (readable(listener_)) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      ++connections_;
      while (serve_one(connection)) {
      }
      close(connection);
    }
  }

  bool serve_one(int connection) {
    const std::string request = read_request(connection);
    if (request.empty() || close_next_) {
      close_next_ = false;
      return false;
    }
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (answers_.empty()) return false;
      answer = answers_.front();
      answers_.pop_front();
    }
    send(connection, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
    close_next_ = answer.after == After::close_at_next_request;
    if (answer.after == After::hold) readable(connection);
    return !answer.bytes.empty() && answer.after != After::hold && answer.after != After::close;
  }

  std::string read_request(int connection) const {
    std::string text;
    while (!is_whole(text) && readable(connection)) {
      char buffer[4096];
      const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) return "";
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

  static bool is_whole(const std::string& text) {
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t length = text.find("Content-Length: ");
    if (length == std::string::npos || length > end) return true;
    return text.size() >= end + 4 + std::stoul(text.substr(length + 16));
  }

  int listener_ = -1;
  int wake_[2] = {-1, -1};
  uint16_t port_ = 0;
  std::string folder_;
  std::string path_;
  bool close_next_ = false;  // server thread
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::deque<Answer> answers_;         // guarded by mutex_
  std::vector<std::string> requests_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace flaskscale::scaler
