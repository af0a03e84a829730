// A small HTTP/1.1 server for tests: a thread per connection, on loopback.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "tests/support/gce/emulator.h"
#include "tests/support/gce/web_message.h"

namespace flaskscale::emulator {

struct WebSending {
  Cut cut = Cut::none;
  WebReply reply;
};

class WebServer {
 public:
  // Blocks until the response is there. `gone()`: the caller has left, or the server is to end.
  using Handler = std::function<WebSending(const WebRequest&, const std::function<bool()>& gone)>;

  // Port 0: one that is free.
  static Result<std::unique_ptr<WebServer>> open(const std::string& address, uint16_t port,
                                                 Handler handler);
  // Closes every connection and waits for its threads.
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  uint16_t port() const { return port_; }
  // Takes no new connection; those that are there end after the request under way.
  void stop_accepting();
  size_t connections();

 private:
  struct Connection {
    int descriptor = -1;  // set by its thread's end to -1, under mutex_
    std::string peer;
    std::thread thread;
  };

  WebServer(int listener, uint16_t port, Handler handler);
  void accept_all();
  void serve(Connection& connection);
  bool exchange(Connection& connection, std::string& received);
  void join_ended();

  const int listener_;
  const uint16_t port_;
  const Handler handler_;
  std::atomic<bool> closing_{false};
  std::atomic<bool> draining_{false};
  std::mutex mutex_;
  std::list<Connection> connections_;  // the list: guarded by mutex_; entries stay where they are
  std::thread acceptor_;
};

}  // namespace flaskscale::emulator
