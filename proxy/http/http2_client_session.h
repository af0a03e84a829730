// The client's side of one HTTP/2 connection (RFC 9113), as FlaskScale has it with a backend:
// requests in, bytes in, responses out, frames on demand. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/http2_field_block.h"
#include "proxy/http/http2_output.h"
#include "proxy/http/http2_stream_handler.h"
#include "proxy/http/http2_types.h"

struct nghttp2_session;

namespace flaskscale::http {

// The owner of one request. on_body() is about its response: the bytes take their share of the
// stream's window until consume(), and of the connection's until they are given.
class Http2ClientStreamHandler : public Http2StreamHandler {
 public:
  // --- From inside receive()
  // Of the request.
  virtual Method method() const = 0;
  // A 1xx head.
  virtual void on_informational(const ResponseHead& head) = 0;
  // The final head, once, with what has come of the body together with it. More of it comes by
  // on_body(), unless `last`.
  virtual void on_response(const ResponseHead& head, std::string_view bytes, bool last,
                           std::string_view trailers) = 0;
  // The response breaks a rule of HTTP; on_closed() follows. `reason` is a literal.
  virtual void on_malformed(std::string_view reason) = 0;

  // --- From inside produce()
  // From now on the peer may have seen the request.
  virtual void on_head_sent() = 0;

 protected:
  ~Http2ClientStreamHandler() = default;
};

class Http2ClientSessionHandler {
 public:
  // --- From inside receive()
  // The peer's first SETTINGS or others: max_streams() may have changed.
  virtual void on_settings() = 0;
  // The peer takes no new streams. Those that it has not processed are closed by it with
  // refused_stream right after.
  virtual void on_goaway() = 0;
  // A rule of the connection was broken; may also come from inside produce().
  virtual void on_connection_error(Http2Error error) = 0;

 protected:
  ~Http2ClientSessionHandler() = default;
};

// One thread only. No method but open(), detach(), resume(), consume(), reset(), terminate() may be
// called from inside of a handler.
class Http2ClientSession {
 public:
  struct Settings {
    HeadLimits head;
    uint32_t stream_window = 128U << 10U;     // response bytes that one stream may have held here
    uint32_t connection_window = 16U << 20U;  // … and those on their way
  };
  Http2ClientSession(const Settings& settings, Http2ClientSessionHandler& handler);
  ~Http2ClientSession();
  Http2ClientSession(const Http2ClientSession&) = delete;
  Http2ClientSession& operator=(const Http2ClientSession&) = delete;

  void receive(std::string_view bytes);
  // Appends frames to `out` until it holds about `limit` bytes, or nothing more may be sent now.
  void produce(std::string& out, size_t limit);

  // A rule was broken: nothing more is taken, and what is produced next ends in a GOAWAY.
  bool is_dead() const { return dead_; }
  // Everything has been said that ever will be.
  bool is_over() const;
  // Frames that wait to be produced, each with bounded memory.
  size_t waiting_frames() const;
  // Whether the peer takes new streams, if there is room for one; and how many at a time.
  bool may_open() const;
  uint32_t max_streams() const;

  // A request. Unless `last`, its body is asked for by sendable(). The stream's number, or 0: it
  // can't be opened.
  uint32_t open(const std::vector<Field>& fields, bool last, Http2ClientStreamHandler& handler);
  // Nothing more is told of this stream.
  void detach(uint32_t stream);
  // sendable() has more to give than when it was last asked.
  void resume(uint32_t stream);
  // The owner is done with so many bytes of the response: the peer may send as many again.
  void consume(uint32_t stream, size_t bytes);
  void reset(uint32_t stream, Http2Error error);

  // The end, now: a GOAWAY, and nothing after it.
  void terminate(Http2Error error);

 private:
  struct Callbacks;
  friend struct Callbacks;

  void deliver(int32_t stream, std::string_view bytes, bool last, std::string_view trailers);
  void deliver_waiting();
  void deliver_waiting_head();
  void refuse(int32_t stream, std::string_view reason);
  Http2ClientStreamHandler* handler_of(int32_t stream) const;

  nghttp2_session* session_ = nullptr;
  Http2ClientSessionHandler& handler_;
  const HeadLimits head_limits_;
  Http2FieldBlock block_;
  ResponseHead head_;
  Http2Output output_;
  // A final head that waits for the first bytes of its body: until the end of receive() at most.
  int32_t head_stream_ = 0;
  // Of a DATA frame that ends its stream: given with the news that it does.
  std::string_view last_piece_;
  int32_t last_piece_stream_ = 0;
  int32_t reset_by_peer_ = 0;  // the stream whose RST_STREAM is being read
  bool dead_ = false;
};

}  // namespace flaskscale::http
