// One request and its response: from the routed head to the only exit, finish().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "balancer/admission.h"
#include "balancer/backend.h"
#include "balancer/exchange_record.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/backend_connection.h"
#include "proxy/forward/client_stream.h"
#include "proxy/http/body_decoder.h"
#include "proxy/http/head.h"

namespace flaskscale::forward {

class LocalPool;
class WorkerServices;
struct LocalSnapshot;

// What the client's side knows of a request besides its head.
struct RequestOrigin {
  IpAddress client;
  bool client_is_trusted = false;
  std::string_view scheme = "http";
  std::string_view protocol = "HTTP/1.1";  // a literal
  Time began{};                            // its first byte came
  size_t head_bytes = 0;
};

// Pooled and reused: no allocation in the steady state. Owned by WorkerServices' free list or,
// between start() and on_exchange_end(), used by one ClientStream. Worker thread only.
class Exchange final : public balancer::Waiter {
 public:
  explicit Exchange(WorkerServices& services);
  ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // --- From the client's side ------------------------------------------------------------------
  // `head`'s views need to stand during the call only. `body`: what has come of it, decoded. May
  // end the exchange before it returns.
  void start(ClientStream& client, const RequestOrigin& origin, const http::RequestHead& head,
             std::string_view body, End end);
  // More of the decoded request body.
  void on_request_body(std::string_view body, End end, std::string_view trailers);
  // The request can't be read to its end: answered with that status if no response has begun.
  void on_request_broken(uint16_t status, std::string_view reason);
  void on_client_tunnelled(std::string_view bytes);
  void on_client_tunnel_end();
  void on_client_drained();
  // The client sends no more. A request that waits is given up: its client has left.
  void on_client_closed();
  // The connection broke; nobody will read a response.
  void on_client_lost(std::string_view reason);
  // The worker stops now.
  void on_shutdown();

  // Decodes the body of this request; used by the client's side.
  http::BodyDecoder& request_decoder() { return request_decoder_; }
  // Bytes sent to the client beside the body.
  void count_sent(size_t bytes) { bytes_out_ += bytes; }
  std::string_view request_id() const { return request_id_; }
  http::Method method() const { return method_; }

  // Ready to be started again; what it held of memory is kept within bounds. It has ended, or never
  // began.
  void reset();

  // --- From the backend's side -----------------------------------------------------------------
  void on_connected();
  void on_informational(const http::ResponseHead& head);
  void on_switch(const http::ResponseHead& head, std::string_view bytes);
  void on_response(const http::ResponseHead& head, std::string_view body, End end,
                   std::string_view trailers);
  void on_response_body(std::string_view body, End end, std::string_view trailers);
  void on_backend_tunnelled(std::string_view bytes);
  void on_backend_tunnel_end();
  void on_backend_drained();
  void on_backend_broken(const Error& error);

  // --- From the queue and the clock --------------------------------------------------------------
  void on_slot(balancer::Slot slot) override;
  void on_refused(balancer::Refused refused) override;
  void on_queue_deadline(Time now);
  void on_connect_timeout();
  void on_response_timeout();
  void on_tunnel_timeout();

 private:
  enum class Phase : uint8_t { unused, queued, connecting, waiting, responding, tunnel, ended };

  void remember_for_log(const http::RequestHead& head);
  void write_request(const http::RequestHead& head, const RequestOrigin& origin);
  void append_request_body(std::string_view body, End end, std::string_view trailers);
  void send_request_body(std::string_view body, End end, std::string_view trailers);
  void acquire(std::optional<Time> first_enqueued, uint64_t avoid_backend);
  void dispatch(balancer::Slot slot);
  std::unique_ptr<BackendConnection> take_live_connection();
  void send_request();
  void restart_response_timer();
  void apply_client_state(SendState state);
  void complete_response();
  bool may_try_again(const Error& error) const;
  bool begin_retry();
  void try_again();
  void release_backend(bool reusable_wanted);
  void fail(uint16_t status, std::string_view reason, uint32_t retry_after_s = 0);
  void close_tunnel_if_done();
  void finish(AfterExchange after);
  void record(Time now);

  WorkerServices& services_;
  ClientStream* client_ = nullptr;
  LocalSnapshot* snapshot_ = nullptr;
  LocalPool* pool_ = nullptr;  // null until routed
  balancer::Slot slot_;
  std::shared_ptr<balancer::Ticket> ticket_;
  std::unique_ptr<BackendConnection> backend_;
  TimeoutEntry deadline_;

  Phase phase_ = Phase::unused;
  http::Method method_ = http::Method::get;
  http::Framing request_framing_ = http::Framing::none;
  bool request_complete_ = false;  // its body has come to the end
  bool wants_upgrade_ = false;
  bool informational_allowed_ = false;  // HTTP/1.1 client
  bool wants_json_ = false;
  bool written_ = false;    // some of the request may have reached a backend
  bool replayable_ = true;  // request_bytes_ is the whole request so far
  bool retrying_ = false;   // counted against the retry budget
  bool aborted_ = false;
  bool client_closed_ = false;  // its side; it may still read
  bool client_tunnel_ended_ = false;
  bool backend_tunnel_ended_ = false;
  uint16_t retries_ = 0;
  uint16_t status_ = 0;  // of the final response head, 0 before
  balancer::ExchangeResult result_ = balancer::ExchangeResult::ok;
  std::string_view reason_ = balancer::kReasonOk;  // a literal

  std::string request_bytes_;  // head and body for the backend, while it may be (re)sent
  http::BodyDecoder request_decoder_;

  Time began_{};
  Time asked_{};  // for a slot, first
  Time sent_at_{};
  Duration queue_time_ = balancer::kNotMeasured;
  Duration connect_time_ = balancer::kNotMeasured;
  Duration first_byte_time_ = balancer::kNotMeasured;
  Time connect_began_{};
  uint64_t announced_body_ = 0;  // bytes; chunked: no limit known
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;

  // For log and answers; capacity is kept.
  std::string request_id_;
  std::string client_text_;
  std::string method_text_;
  std::string host_;
  std::string path_;
  std::string user_agent_;
  std::string referer_;
  std::string backend_text_;
  std::string_view protocol_;
};

}  // namespace flaskscale::forward
