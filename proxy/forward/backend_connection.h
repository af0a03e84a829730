// One HTTP/1.1 connection to a backend: idle in its LocalPool, or lent to one exchange.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "balancer/backend.h"
#include "base/result.h"
#include "base/timeout_list.h"
#include "proxy/forward/backend_stream.h"
#include "proxy/forward/outgoing.h"
#include "proxy/http/body_decoder.h"
#include "proxy/http/http1_parser.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/transport.h"

namespace flaskscale::forward {

class Exchange;
class LocalPool;
class WorkerServices;

// Worker thread only. Owned by the pool while idle, by its loan while lent. Whoever owns it gives
// it up by discard() or release(), never by plain destruction: its methods may be on the stack.
class BackendConnection final : public BackendStream,
                                public net::TransportHandler,
                                public net::Retired {
 public:
  // Begins to connect; Exchange::on_connected() or on_backend_broken() follows, never from inside
  // this call.
  static Result<BackendLoan> open(WorkerServices& services, LocalPool& pool,
                                  balancer::Backend& backend, Exchange& exchange);
  // Without a transport yet: open() gives it one.
  BackendConnection(WorkerServices& services, LocalPool& pool, uint64_t backend_id);
  ~BackendConnection() override;

  // Closes the transport now and destroys the object at the end of the turn.
  static void discard(std::unique_ptr<BackendConnection> connection);

  // Lends an idle connection to an exchange.
  static BackendLoan lend(std::unique_ptr<BackendConnection> connection, Exchange& exchange);
  bool is_quiet() { return transport_->is_quiet(); }
  uint64_t backend_id() const { return backend_id_; }

  // BackendStream
  SendState send_request(const Request& request) override;
  SendState send(std::string_view bytes, End end, std::string_view trailers) override;
  void stop_sending() override;
  void end_tunnelled() override;
  void pause_reading() override;
  void resume_reading() override;
  bool is_reused() const override { return reused_; }
  bool received_anything() const override { return received_anything_; }
  void release(After after) override;

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
  bool take_back();
  SendState sent(SendState state);
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
