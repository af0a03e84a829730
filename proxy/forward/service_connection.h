// A small HTTP/1.1 server for answers made in one go: the admin listener.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/event_loop.h"
#include "proxy/net/listen_socket.h"
#include "proxy/net/timer.h"

namespace flaskscale::forward {

struct ServiceRequest {
  std::string method;
  std::string target;
  std::string body;
  std::string host;
  std::string origin;
};

struct ServiceResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  std::string extra_fields;  // whole lines, each with its CRLF
};

class ServiceConnection;

// Loop thread only. The handler runs on it and must not block.
class ServiceListener {
 public:
  using Handler = std::function<ServiceResponse(const ServiceRequest&)>;

  ServiceListener(net::EventLoop& loop, net::OwnedFd socket, Handler handler);
  ~ServiceListener();

 private:
  friend class ServiceConnection;
  bool has_room() const;
  void on_accept(net::OwnedFd socket);
  void give_up(ServiceConnection& connection);
  void check_ages();

  net::EventLoop& loop_;
  Handler handler_;
  net::Acceptor acceptor_;
  net::Timer timer_;
  std::vector<std::unique_ptr<ServiceConnection>> connections_;
};

}  // namespace flaskscale::forward
