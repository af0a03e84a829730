// The backend's side of one exchange: an HTTP/1.1 connection's turn, or an HTTP/2 stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/forward/end.h"
#include "proxy/forward/outgoing.h"
#include "proxy/http/head.h"

namespace flaskscale::forward {

// Lent to one exchange, which alone calls it and is told what happens: Exchange::on_connected() if
// it was not connected yet, then on_informational(), on_response(), on_response_body() …, or
// on_backend_broken() at any time. `blocked` is followed by Exchange::on_backend_drained().
class BackendStream {
 public:
  struct Request {
    std::string_view lead;   // sent before it: a PROXY header, or empty
    std::string_view bytes;  // its head (HTTP/1.1) and what there is of its body
    size_t head_bytes = 0;
    http::Method method = http::Method::get;
    // These are for a stream that frames bodies itself: in what an HTTP/1.1 connection is given
    // they stand already.
    End end = End::last;
    std::string_view trailers;
  };
  // `failed` is not also told by on_backend_broken(); nor is it by send().
  virtual SendState send_request(const Request& request) = 0;
  // More of the body, or bytes of a tunnel. After `failed` the caller decides, since an answer may
  // still be there to be read.
  virtual SendState send(std::string_view bytes, End end, std::string_view trailers) = 0;
  // After `failed`: what else is sent is thrown away; the read side tells how it ends.
  virtual void stop_sending() = 0;
  // Of a tunnel: no more bytes from us, once what is held has been sent.
  virtual void end_tunnelled() = 0;

  // Whether the exchange takes more response bytes now.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // The connection has served others before.
  virtual bool is_reused() const = 0;
  // Something came in answer to this request.
  virtual bool received_anything() const = 0;

  enum class After : uint8_t {
    keep,     // the connection may serve another request, if it is in a state to
    discard,  // it may not; a stream that has not ended is cancelled, others go on
    retire,   // … and the connection takes no new ones: its backend or this worker drains
  };
  // Ends the loan: the exchange is told nothing more, and must not touch it any more.
  virtual void release(After after) = 0;

 protected:
  ~BackendStream() = default;
};

struct EndLoan {
  void operator()(BackendStream* stream) const { stream->release(BackendStream::After::discard); }
};
using BackendLoan = std::unique_ptr<BackendStream, EndLoan>;

}  // namespace flaskscale::forward
