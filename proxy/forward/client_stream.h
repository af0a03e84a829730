// The client's side of one exchange: an HTTP/1.1 connection's turn, or an HTTP/2 stream.
#pragma once

#include <cstddef>
#include <limits>
#include <string_view>

#include "proxy/forward/end.h"
#include "proxy/forward/outgoing.h"
#include "proxy/http/head.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::forward {

// What becomes of the client's connection when its exchange has ended.
enum class AfterExchange : uint8_t {
  keep,   // if the protocol allows it
  close,  // when all is sent
  cut,    // at once, so that the client sees that the response is incomplete
};

// Called by the exchange only; `blocked` is followed by Exchange::on_client_drained().
class ClientStream {
 public:
  // A 1xx head other than 101.
  virtual SendState send_informational(const http::ResponseHead& head) = 0;

  // The final head with the first body bytes. The framing towards the client is the stream's
  // business.
  virtual SendState send_head(const http::ResponseHead& head, std::string_view body, End end,
                              std::string_view trailers) = 0;
  virtual SendState send_body(std::string_view body, End end, std::string_view trailers) = 0;

  // Whether this 101 is what the client's request for a tunnel asks for. Before send_switch().
  virtual bool accepts_switch(const http::ResponseHead& /*head*/) { return true; }
  // A 101 head with the first bytes of the backend's; from now on both sides are plain bytes.
  virtual SendState send_switch(const http::ResponseHead& head, std::string_view bytes) = 0;
  virtual SendState send_tunnelled(std::string_view bytes) = 0;
  virtual void end_tunnelled() = 0;  // the backend sends no more

  // A complete answer of our own, instead of a backend's. Date, request id, form and HEAD are
  // filled in. Returns bytes sent.
  virtual size_t send_own_answer(http::OwnAnswer answer) = 0;

  // Whether the exchange takes more request bytes now.
  enum class RequestFlow : uint8_t { paused, flowing };
  virtual void set_request_flow(RequestFlow flow) = 0;

  // How many response bytes it takes at once: more need not be read from a backend at a time.
  virtual size_t room() const { return std::numeric_limits<size_t>::max(); }

  // The exchange is over and must not be touched any more.
  virtual void on_exchange_end(AfterExchange after) = 0;

 protected:
  ~ClientStream() = default;
};

}  // namespace flaskscale::forward
