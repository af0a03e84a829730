// A TCP socket as a Transport: readiness from the event loop, bytes by our own recv and sendmsg.
#pragma once

#include <memory>

#include "base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/socket_address.h"
#include "proxy/net/transport.h"

struct uv_poll_s;

namespace flaskscale::net {

class SocketTransport final : public Transport {
 public:
  // Takes over a connected, non-blocking socket.
  SocketTransport(EventLoop& loop, int fd, TransportHandler& handler);
  ~SocketTransport() override;
  SocketTransport(const SocketTransport&) = delete;
  SocketTransport& operator=(const SocketTransport&) = delete;

  // Begins to connect. on_writable() follows when it is decided; then ask connect_result().
  // The error `unavailable` is this machine's own lack of descriptors or ports.
  static Result<std::unique_ptr<SocketTransport>> connect(EventLoop& loop, const SocketAddress& to,
                                                          TransportHandler& handler);

  void set_handler(TransportHandler& handler) override { handler_ = &handler; }
  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const std::string_view> parts) override;
  void watch(Interest interest) override;
  Interest interest() const override { return interest_; }
  void abort() override;
  void shut_down_writing() override;
  int connect_result() override;
  bool is_quiet() override;

 private:
  static void on_poll(uv_poll_s* poll, int status, int events);
  void start_polling();

  TransportHandler* handler_;
  uv_poll_s* poll_;  // freed by its close callback
  int fd_;
  Interest interest_ = Interest::none;
};

}  // namespace flaskscale::net
