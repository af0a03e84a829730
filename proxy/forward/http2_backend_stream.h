// One request on a shared connection to a backend: the backend's side of an exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "proxy/forward/backend_stream.h"
#include "proxy/http/http2_client_session.h"
#include "proxy/net/event_loop.h"

namespace flaskscale::forward {

class Exchange;
class Http2BackendConnection;
class WorkerServices;

// Owned by its connection; leaves it by release(). Request bytes that the backend does not take are
// held (one read's worth: the exchange is told `blocked`), and response bytes that the client does
// not take (one flow-control window at most: the backend gets no further credit for them).
class Http2BackendStream final : public BackendStream,
                                 public http::Http2ClientStreamHandler,
                                 public net::Retired {
 public:
  Http2BackendStream(Http2BackendConnection& connection, WorkerServices& services,
                     Exchange& exchange);
  ~Http2BackendStream() override;

  // BackendStream
  SendState send_request(const Request& request) override;
  SendState send(std::string_view bytes, End end, std::string_view trailers) override;
  void stop_sending() override {}
  void end_tunnelled() override {}
  void pause_reading() override { paused_ = true; }
  void resume_reading() override;
  bool is_reused() const override { return reused_; }
  bool received_anything() const override { return received_; }
  void release(After after) override;

  // http::Http2ClientStreamHandler
  http::Method method() const override { return method_; }
  void on_informational(const http::ResponseHead& head) override;
  void on_response(const http::ResponseHead& head, std::string_view bytes, bool last,
                   std::string_view trailers) override;
  void on_malformed(std::string_view reason) override { malformed_ = reason; }
  void on_head_sent() override { head_sent_ = true; }
  void on_body(std::string_view bytes, bool last, std::string_view trailers) override;
  void on_closed(Closed how, http::Http2Error error) override;
  Sendable sendable() const override;
  void take(size_t bytes, std::string& out) override;
  void on_end_sent() override { end_sent_ = true; }

  // --- From the connection
  void on_connected();
  // After a turn's frames have been produced.
  void revisit();
  // The connection is over, which may have been `connected`. Ends the loan.
  void lose(const Error& error, bool connected);

  uint32_t list_index = 0;  // the connection's

 private:
  SendState push(std::string_view bytes);
  void hold_request();
  void deliver(std::string_view bytes, bool last, std::string_view trailers);
  void deliver_held();
  void ask_for_revisit();
  void tell_broken();

  Http2BackendConnection& connection_;
  WorkerServices& services_;
  Exchange* exchange_;  // null when the loan has ended
  uint32_t id_ = 0;     // 0 until the request is sent
  http::Method method_ = http::Method::get;
  Time sent_at_{};

  std::string_view request_now_;               // during one call of push()
  std::unique_ptr<std::string> request_held_;  // null when empty
  size_t request_taken_ = 0;                   // of request_held_
  std::string request_trailers_;
  std::unique_ptr<std::string> response_held_;  // received and not taken; null when nothing waits
  std::string response_trailers_;
  std::string_view malformed_;  // a literal
  Closed how_ = Closed::complete;
  http::Http2Error error_ = http::Http2Error::none;

  const bool reused_;
  bool request_ended_ = false;   // by the exchange; some of it may still be held
  bool head_sent_ = false;       // the backend may have seen the request
  bool end_sent_ = false;        // END_STREAM
  bool received_ = false;        // some head
  bool response_ended_ = false;  // its end has come; some of it may still be held
  bool paused_ = false;
  bool blocked_ = false;    // the exchange waits for on_backend_drained()
  bool revisited_ = false;  // is in the connection's list
  bool closed_ = false;
};

}  // namespace flaskscale::forward
