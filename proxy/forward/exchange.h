// One request and its response: from the routed head to the only exit, finish().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/admission.h"
#include "balancer/backend.h"
#include "balancer/exchange_record.h"
#include "base/result.h"
#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/backend_stream.h"
#include "proxy/forward/client_stream.h"
#include "proxy/forward/tunnel_state.h"
#include "proxy/http/body_decoder.h"
#include "proxy/http/head.h"
#include "proxy/http/proxy_protocol.h"

namespace flaskscale::forward {

class BackendConnection;
class LocalPool;
class WorkerServices;
struct ListenerEntry;
struct LocalSnapshot;
struct RouteEntry;
struct TlsFacts;

// What the client's side knows of a request besides its head.
struct RequestOrigin {
  http::ConnectionEnds ends;
  const ListenerEntry* listener = nullptr;  // of the snapshot that is in force
  const TlsFacts* tls = nullptr;            // null: cleartext
  std::string_view scheme = "http";
  std::string_view protocol = "HTTP/1.1";  // a literal
  Time began{};                            // its first byte came
  size_t head_bytes = 0;
  bool is_grpc = false;  // the client expects to hear of failures as gRPC tells them
};

// Pooled and reused: no allocation in the steady state. Owned by WorkerServices' free list or,
// between start() and on_exchange_end(), used by one ClientStream. Worker thread only.
class Exchange final : public balancer::Waiter {
 public:
  static constexpr Duration kRetryPause = std::chrono::milliseconds(100);

  explicit Exchange(WorkerServices& services);
  ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // --- From the client's side ------------------------------------------------------------------
  // `head`'s views need to stand during the call only. `body`: what has come of it, decoded. May
  // end the exchange before it returns; otherwise ask_for_slot() is to follow.
  void start(ClientStream& client, const RequestOrigin& origin, const http::RequestHead& head,
             std::string_view body, End end);
  // Until then the pool does not know of the request. May end the exchange before it returns.
  void ask_for_slot();
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
  // How many response bytes the client takes at once.
  size_t client_room() const { return client_->room(); }

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
  void on_pause_end();
  void on_connect_timeout();
  void on_response_timeout();
  void on_tunnel_timeout();
  // Now and then, of one in the worker's list of tunnels: ends it if its time has come. May
  // take it, and others of its connection, out of that list.
  void check_tunnel(Time now);

 private:
  enum class Phase : uint8_t { unused, queued, connecting, waiting, responding, tunnel, ended };

  void remember_for_log(const http::RequestHead& head);
  void identify(const http::RequestHead& head, const RequestOrigin& origin, bool trusted);
  bool answer_challenge(const http::RequestHead& head, End end);
  void answer_by_route(const http::RequestHead& head, std::string_view scheme);
  // Ends the exchange with an answer that the configuration asks for. The Date is added; `answer`
  // has content_length framing, or none. `reason` is a literal.
  void answer_here(http::ResponseHead& answer, std::string_view body, std::string_view reason);
  void choose_wishes(const http::RequestHead& head);
  bool needs_sticky_cookie(uint64_t name) const;
  void add_sticky_cookie(std::vector<http::Field>& fields);
  // The head as the client gets it: of the backend's, with what route and pool change.
  const http::ResponseHead& edited(const http::ResponseHead& head);
  void write_request(const http::RequestHead& head, const RequestOrigin& origin, bool trusted);
  void append_request_body(std::string_view body, End end, std::string_view trailers);
  bool may_keep_request() const;
  void send_request_body(std::string_view body, End end, std::string_view trailers);
  void acquire(std::optional<Time> first_enqueued, uint64_t avoid_backend);
  void dispatch(balancer::Slot slot);
  void lend_connection(Time now);
  void lend_stream(Time now);
  std::unique_ptr<BackendConnection> take_live_connection();
  void send_request();
  void restart_response_timer();
  void apply_client_state(SendState state);
  void complete_response(SendState state);
  bool may_try_again(const Error& error) const;
  bool begin_retry();
  void try_again();
  void release_backend(bool reusable_wanted);
  void fail(uint16_t status, std::string_view reason, uint32_t retry_after_s = 0);
  void close_tunnel_if_done();
  void send_tunnelled_to_backend(std::string_view bytes);
  // `reason` is a literal.
  void begin_tunnel_close(std::string_view reason);
  void close_towards_client(std::string_view bytes);
  void close_towards_backend(std::string_view bytes);
  void forget_tunnel();
  bool is_due(const DrainWindow& window, Time now) const;
  void redirect_to_https(const http::RequestHead& head, uint16_t port);
  void break_off(uint16_t status);
  void finish(AfterExchange after);
  void record(Time now);

  WorkerServices& services_;
  ClientStream* client_ = nullptr;
  LocalSnapshot* snapshot_ = nullptr;
  const RouteEntry* route_ = nullptr;  // the snapshot's; null until routed
  LocalPool* pool_ = nullptr;          // null until routed to one
  balancer::Slot slot_;
  std::shared_ptr<balancer::Ticket> ticket_;
  BackendLoan backend_;
  TimeoutEntry deadline_;

  Phase phase_ = Phase::unused;
  http::Method method_ = http::Method::get;
  http::Framing request_framing_ = http::Framing::none;
  bool request_complete_ = false;  // its body has come to the end
  bool wants_upgrade_ = false;
  bool http2_backend_ = false;  // request_bytes_ is written for one
  bool is_grpc_ = false;
  bool informational_allowed_ = false;  // HTTP/1.1 client
  bool wants_json_ = false;
  bool written_ = false;          // some of the request may have reached a backend
  bool written_earlier_ = false;  // … in a try before this one
  bool replayable_ = true;        // request_bytes_ is the whole request so far
  bool retrying_ = false;         // counted against the retry budget
  bool aborted_ = false;
  bool intended_ = false;       // answered here because the configuration says so
  bool secure_ = false;         // the client's side is encrypted
  bool client_closed_ = false;  // its side; it may still read
  bool client_tunnel_ended_ = false;
  bool backend_tunnel_ended_ = false;
  uint16_t retries_ = 0;
  uint16_t status_ = 0;             // of the final response head, 0 before
  uint64_t failed_backend_ = 0;     // the last try's, once there was one
  std::optional<uint64_t> sticky_;  // as the client's cookie names a backend
  std::optional<uint64_t> hash_;
  balancer::ExchangeResult result_ = balancer::ExchangeResult::ok;
  std::string_view reason_ = balancer::kReasonOk;  // a literal

  std::string request_bytes_;      // head and body for the backend, while it may be (re)sent
  size_t request_head_bytes_ = 0;  // of them
  std::string request_trailers_;   // for HTTP/2
  http::BodyDecoder request_decoder_;

  Time began_{};
  Time asked_{};  // for a slot, first
  Time sent_at_{};
  Duration queue_time_ = balancer::kNotMeasured;
  Duration connect_time_ = balancer::kNotMeasured;
  Duration first_byte_time_ = balancer::kNotMeasured;
  Time connect_began_{};
  // The client's: the first that no trusted proxy stands before.
  http::ConnectionEnds ends_;
  TunnelState tunnel_;           // in that phase
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
  std::string_view hsts_;  // of the snapshot's listener
  std::string_view protocol_;
};

}  // namespace flaskscale::forward
