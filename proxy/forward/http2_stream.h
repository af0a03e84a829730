// One request of an HTTP/2 connection and its response: the client's side of an exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/client_stream.h"
#include "proxy/http/http2_session.h"
#include "proxy/net/event_loop.h"

namespace flaskscale::forward {

class Exchange;
class Http2Connection;
class WorkerServices;

// Owned by its connection; leaves it when both the stream and its exchange are over. Request bytes
// that the exchange does not take are held (one flow-control window at most: the client gets no
// further credit for them), and response bytes that the client does not take (one read's worth: the
// exchange is told `blocked`).
class Http2Stream final : public ClientStream,
                          public http::Http2StreamHandler,
                          public net::Retired {
 public:
  Http2Stream(Http2Connection& connection, WorkerServices& services, uint32_t id);
  ~Http2Stream() override;

  // One of the two, once. May end the stream before they return.
  void start(const http::Http2Request& request, Time began);
  void refuse(const http::Http2Request& request);
  // After start(), when it is known that the client has not broken the stream in the same bytes.
  void ask_for_slot();

  // ClientStream
  SendState send_informational(const http::ResponseHead& head) override;
  SendState send_head(const http::ResponseHead& head, std::string_view body, End end,
                      std::string_view trailers) override;
  SendState send_body(std::string_view body, End end, std::string_view trailers) override;
  bool accepts_switch(const http::ResponseHead& head) override;
  SendState send_switch(const http::ResponseHead& head, std::string_view bytes) override;
  SendState send_tunnelled(std::string_view bytes) override;
  void end_tunnelled() override;
  size_t send_own_answer(http::OwnAnswer answer) override;
  void set_request_flow(RequestFlow flow) override;
  size_t room() const override;
  void on_exchange_end(AfterExchange after) override;

  // http::Http2StreamHandler
  void on_body(std::string_view bytes, bool last, std::string_view trailers) override;
  void on_closed(Closed how, http::Http2Error error) override;
  Sendable sendable() const override;
  void take(size_t bytes, std::string& out) override;
  void on_end_sent() override;

  // --- From the connection and the clock
  // After a turn's frames have been produced.
  void revisit();
  // The connection is over.
  void lose(std::string_view reason);
  void on_shutdown();
  void on_request_timeout();
  void on_response_timeout();

  uint32_t list_index = 0;  // the connection's

 private:
  void start_tunnel_request(const http::Http2Request& request);
  void start_exchange(const http::Http2Request& request, Time began);
  void deliver(std::string_view bytes, bool last, std::string_view trailers);
  void deliver_held();
  void hold_request(std::string_view bytes, bool last, std::string_view trailers);
  bool is_request_held() const {
    return flow_paused_ || delivering_ || (tunnel_asked_ && !tunnel_);
  }
  SendState push(std::string_view bytes);
  void hold_response();
  void drop_response();
  void drop_request();
  void restart_request_timer();
  void restart_response_timer();
  void end_stream();

  Http2Connection& connection_;
  WorkerServices& services_;
  Exchange* exchange_ = nullptr;  // the pool's; null before and after
  const uint32_t id_;
  uint64_t body_bytes_ = 0;  // of the request, received

  std::unique_ptr<std::string> request_held_;  // received and not taken; null when nothing waits
  std::string request_trailers_;
  std::string_view response_now_;               // during one call of push()
  std::unique_ptr<std::string> response_held_;  // null when empty
  size_t response_taken_ = 0;                   // of response_held_
  std::string response_trailers_;
  std::string websocket_accept_;  // what the backend must answer to our key
  std::string_view lost_reason_;  // a literal; empty: not lost
  TimeoutEntry request_deadline_;
  TimeoutEntry response_deadline_;

  bool request_received_ = false;   // its end has come
  bool request_delivered_ = false;  // … and been given to the exchange
  bool is_grpc_ = false;
  bool flow_paused_ = false;
  bool delivering_ = false;  // inside deliver_held()
  bool tunnel_asked_ = false;
  bool tunnel_ = false;
  bool head_sent_ = false;
  bool response_ended_ = false;  // by the exchange; some of it may still be held
  bool end_sent_ = false;        // END_STREAM, or what stands for it
  bool blocked_ = false;         // the exchange waits for on_client_drained()
  bool revisited_ = false;       // is in the connection's list
  bool closed_ = false;
};

}  // namespace flaskscale::forward
