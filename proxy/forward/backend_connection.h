// One HTTP/1.1 connection to a backend: idle in its LocalPool, or lent to one exchange.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "balancer/backend.h"
#include "base/result.h"
#include "base/timeout_list.h"
#include "proxy/forward/outgoing.h"
#include "proxy/http/body_decoder.h"
#include "proxy/http/http1_parser.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/transport.h"

namespace flaskscale::forward {

class Exchange;
class LocalPool;
class WorkerServices;

// Worker thread only. Whoever owns it gives it up by BackendConnection::discard(), never by plain
// destruction: its methods may be on the stack.
class BackendConnection final : public net::TransportHandler, public net::Retired {
 public:
  // Begins to connect; Exchange::on_connected() or on_backend_broken() follows, never from inside
  // this call.
  static Result<std::unique_ptr<BackendConnection>> open(WorkerServices& services, LocalPool& pool,
                                                         balancer::Backend& backend,
                                                         Exchange& exchange);
  // Without a transport yet: open() gives it one.
  BackendConnection(WorkerServices& services, LocalPool& pool, uint64_t backend_id);
  ~BackendConnection() override;

  // Closes the transport now and destroys the object at the end of the turn.
  static void discard(std::unique_ptr<BackendConnection> connection);

  // Lends an idle connection to an exchange.
  void lend_to(Exchange& exchange);
  // Ends the loan. True if the connection may serve another request; else it must be discarded.
  bool take_back();

  // Sends request bytes. `failed` is not also told by on_backend_broken: the caller decides, since
  // an answer may still be there to be read.
  SendState send(std::span<const std::string_view> parts);
  // After `failed`: what else is sent is thrown away; the read side tells how it ends.
  void stop_sending();

  // A response to a request of this method is expected from now on.
  void expect_response(http::Method method);

  // After a 101: bytes pass as they are.
  void become_tunnel() { phase_ = Phase::tunnel; }
  void end_sending();  // no more bytes from us, once what is held has been sent

  // Whether the exchange takes more response bytes now.
  void pause_reading();
  void resume_reading();

  bool is_reused() const { return reused_; }
  bool received_anything() const { return received_anything_; }
  bool is_quiet() { return transport_->is_quiet(); }
  uint64_t backend_id() const { return backend_id_; }

  void on_readable() override;
  void on_writable() override;

  TimeoutEntry idle_since;

 private:
  enum class Phase : uint8_t { connecting, idle, head, body, done, tunnel, closed };

  void on_bytes(char* data, size_t size);
  // Parses what has come of a head; returns how much of it was used.
  void on_head_bytes(char* data, size_t size);
  void on_final_head(const http::ResponseHead& head, char* data, size_t size);
  void on_body_bytes(char* data, size_t size);
  void on_peer_closed();
  void broken(const Error& error);
  void update_interest();
  void hold(const char* data, size_t size);

  WorkerServices& services_;
  LocalPool& pool_;
  std::unique_ptr<net::Transport> transport_;
  Exchange* exchange_ = nullptr;  // null while idle
  const uint64_t backend_id_;
  Outgoing outgoing_;
  std::unique_ptr<std::string> held_;  // part of a head; null when empty
  http::Http1ResponseParser parser_;
  http::BodyDecoder decoder_;
  http::Method method_ = http::Method::get;
  Phase phase_ = Phase::connecting;
  bool reused_ = false;
  bool received_anything_ = false;
  bool keep_alive_ = false;
  bool write_broken_ = false;
  bool read_paused_ = false;
  bool end_after_flush_ = false;
};

}  // namespace flaskscale::forward
