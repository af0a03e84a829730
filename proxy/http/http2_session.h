// The server's side of one HTTP/2 connection (RFC 9113): bytes in, requests out, frames on demand.
// No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "proxy/http/http2_field_block.h"
#include "proxy/http/http2_frame_meter.h"
#include "proxy/http/http2_output.h"
#include "proxy/http/http2_ration.h"
#include "proxy/http/http2_stream_handler.h"
#include "proxy/http/http2_types.h"
#include "proxy/http/http2_windows_ahead.h"

struct nghttp2_session;

namespace flaskscale::http {

class Http2SessionHandler {
 public:
  // From inside receive(). attach() comes before anything else is done with the stream; one that is
  // not attached is reset, unless the client has cancelled it.
  virtual void on_request(const Http2Request& request) = 0;
  // What came for a stream without an owner broke a rule: a malformed head, mostly. It is reset.
  virtual void on_stream_error(Http2Error error) = 0;
  // A rule of the connection was broken: what is produced next ends in a GOAWAY with this error.
  virtual void on_connection_error(Http2Error error) = 0;
  // The same because of a flood; on_connection_error() follows.
  virtual void on_flood(Http2Flood kind) = 0;
  // The answer to ping().
  virtual void on_pong() = 0;

 protected:
  ~Http2SessionHandler() = default;
};

// One thread only. No method but attach(), send_…, resume(), consume(), reset() may be called from
// inside of a handler.
class Http2Session {
 public:
  Http2Session(const Http2Settings& settings, Http2SessionHandler& handler);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Bytes of the client, from the preface on; how many of them are done with. The others, which
  // begin with a frame, are to be given again, at the front of what comes: no more than
  // `max_requests` (at least 1) are begun with in one call, nor many frames of any kind looked at.
  // What breaks a rule of the connection ends it: nothing more is looked at then.
  [[nodiscard]] size_t receive(std::string_view bytes, Time now, size_t max_requests);

  // Appends frames to `out` until it holds about `limit` bytes, or nothing more may be sent now.
  void produce(std::string& out, size_t limit);

  // Everything has been said, by both sides, that ever will be: the connection may be closed.
  bool is_over() const;
  // Frames that wait to be produced, each with bounded memory.
  size_t waiting_frames() const;
  // The preface, or a head, has begun and not ended.
  bool is_inside_head() const { return meter_.is_inside_head(); }

  void attach(uint32_t stream, Http2StreamHandler& handler);
  // Nothing more is told of any stream: the connection is given up.
  void detach_all() { detached_ = true; }
  // A 1xx head.
  void send_informational(uint32_t stream, const std::vector<Field>& fields);
  // The final head. Unless `last`, the body is asked for by sendable().
  void send_head(uint32_t stream, const std::vector<Field>& fields, bool last);
  // sendable() has more to give than when it was last asked.
  void resume(uint32_t stream);
  // The owner is done with so many bytes of the body: the peer may send as many again. Also right
  // for a stream that is gone.
  void consume(uint32_t stream, size_t bytes);
  // The same for the connection only: no more of this stream is wanted.
  void consume_connection(size_t bytes);
  void reset(uint32_t stream, Http2Error error);

  // Graceful end, first step: "open no more streams", while those that are on their way are taken.
  void announce_shutdown();
  void ping();
  // Second step: from now on new streams are ignored; the last one that counts is named.
  void refuse_new_streams();
  // The end, now: a GOAWAY, and nothing after it.
  void terminate(Http2Error error);

  // Gives back memory that only heads under way need. When no stream is open.
  void trim();

 private:
  struct Callbacks;
  friend struct Callbacks;

  void feed(std::string_view bytes);
  void deliver_last_piece();
  bool ration(Http2Flood kind);
  bool count_frames(std::string_view bytes);
  size_t share_of(std::string_view bytes, size_t max_requests);
  bool count_frame(const Http2FrameMeter::FrameHead& head, std::string_view payload);
  bool count_window_update(const Http2FrameMeter::FrameHead& head, std::string_view payload);
  bool is_cancelled(uint32_t stream) const;
  void flood(Http2Flood kind);
  Http2StreamHandler* handler_of(int32_t stream) const;

  nghttp2_session* session_ = nullptr;
  Http2SessionHandler& handler_;
  const HeadLimits head_limits_;
  const uint32_t stream_limit_;
  uint32_t open_streams_ = 0;    // that have a handler
  Http2FrameMeter meter_;        // of all that has come
  Http2FrameMeter share_meter_;  // of what has been looked at
  size_t ahead_ = 0;             // bytes between the two
  Http2Ration ration_;
  std::unique_ptr<Http2FieldBlock> block_;  // null while no stream is open
  std::unique_ptr<RequestHead> head_;
  Http2Output output_;
  Time now_{};  // of this receive()
  Http2WindowsAhead windows_;
  // Streams whose end has come, since all was last looked at: by their RST_STREAM, or by what will
  // make nghttp2 reset them. The ration bounds them.
  std::vector<uint32_t> cancelled_;
  // Of a DATA frame that ends its stream: given with the news that it does.
  std::string_view last_piece_;
  uint32_t last_piece_stream_ = 0;
  int32_t reset_by_peer_ = 0;  // the stream whose RST_STREAM is being read
  bool announced_ = false;     // the SETTINGS are produced
  bool dead_ = false;          // takes no more
  bool flooded_ = false;
  bool detached_ = false;
};

}  // namespace flaskscale::http
