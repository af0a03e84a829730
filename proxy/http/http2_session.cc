#include "proxy/http/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "proxy/http/http2_nghttp2.h"
#include "proxy/http/http2_response_fields.h"
#include "proxy/http/http2_stream_limit.h"

namespace flaskscale::http {
namespace {

// A head of more than so many times the limit is no mistake.
constexpr size_t kAbsurdHead = 4;
// Frames that are looked at in one call: where a request would follow, and in any case.
constexpr size_t kManyFramesAtOnce = 64;
constexpr size_t kMaxFramesAtOnce = 128;
// Credits for what was useful.
constexpr float kUpdatesPerDataFrame = 4;
constexpr float kUpdatesPerRequest = 2;
constexpr float kPingsPerDataFrame = 0.5F;

}  // namespace

// What nghttp2 calls.
struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return begin_head(self(user), *frame);
  }
  static int on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* user) {
    Http2Session& session = self(user);
    if (session.block_ == nullptr) return 0;
    session.block_->add(view_of(name, name_size), view_of(value, value_size));
    if (session.block_->bytes() / kAbsurdHead <= session.head_limits_.head_bytes) return 0;
    session.flood(Http2Flood::continuation);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  // nghttp2 would go on without it. What is dubious is refused, not repaired.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                               const uint8_t*, size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return end_frame(self(user), *frame);
  }
  static int on_data(nghttp2_session*, uint8_t flags, int32_t stream, const uint8_t* data,
                     size_t size, void* user) {
    return body_piece(self(user), static_cast<uint32_t>(stream), flags, view_of(data, size));
  }
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return frame_sent(self(user), *frame);
  }
  static int on_stream_close(nghttp2_session*, int32_t stream, uint32_t error, void* user) {
    return stream_closed(self(user), stream, error);
  }

  static ssize_t read_body(nghttp2_session* session, int32_t stream, uint8_t*, size_t length,
                           uint32_t* flags, nghttp2_data_source* source, void* user) {
    return self(user).output_.read_body(session, stream, length, *flags,
                                        *static_cast<const Http2StreamHandler*>(source->ptr));
  }
  static int send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* header, size_t length,
                       nghttp2_data_source* source, void* user) {
    self(user).output_.append_data(header, length, *static_cast<Http2StreamHandler*>(source->ptr));
    return 0;
  }

  static int begin_head(Http2Session& session, const nghttp2_frame& frame);
  static int end_frame(Http2Session& session, const nghttp2_frame& frame);
  static int end_request_head(Http2Session& session, const nghttp2_frame& frame);
  static int end_body(Http2Session& session, const nghttp2_frame& frame);
  static int body_piece(Http2Session& session, uint32_t stream, uint8_t flags,
                        std::string_view bytes);
  static int frame_sent(Http2Session& session, const nghttp2_frame& frame);
  static int stream_closed(Http2Session& session, int32_t stream, uint32_t error);
};

Http2Session::Http2Session(const Http2Settings& settings, Http2SessionHandler& handler)
    : handler_(handler), head_limits_(settings.head), stream_limit_(settings.limits.streams) {
  static const nghttp2_session_callbacks* const kCallbacks = new_callbacks<Callbacks>();
  nghttp2_option* const option = new_option(settings.head.head_bytes);
  nghttp2_option_set_stream_reset_rate_limit(option, 1U << 20U, 1U << 20U);  // Http2Ration's
  const int made = nghttp2_session_server_new2(&session_, kCallbacks, this, option);
  nghttp2_option_del(option);
  FS_CHECK(made == 0);

  const Http2Limits& limits = settings.limits;
  const std::array<nghttp2_settings_entry, 5> entries = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kNoStreamLimit},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.head.head_bytes},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  begin_session(session_, entries, limits.connection_window);
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

Http2StreamHandler* Http2Session::handler_of(int32_t stream) const {
  if (detached_) return nullptr;
  return static_cast<Http2StreamHandler*>(nghttp2_session_get_stream_user_data(session_, stream));
}

// --- Receiving

size_t Http2Session::receive(std::string_view bytes, Time now, size_t max_requests) {
  if (dead_) return bytes.size();
  now_ = now;
  FS_CHECK(bytes.size() >= ahead_);
  if (ahead_ == 0) {
    cancelled_.clear();
    windows_.clear();
    if (!meter_.is_inside_frame()) {
      windows_.set_initial(
          nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE));
    }
  }
  if (!count_frames(bytes.substr(ahead_))) return bytes.size();
  const size_t share = share_of(bytes, max_requests);
  feed(bytes.substr(0, share));
  ahead_ = bytes.size() - share;
  return dead_ ? bytes.size() : share;
}

// All that have come: a flood is seen before anything of it is looked at.
bool Http2Session::count_frames(std::string_view bytes) {
  Http2FrameMeter::FrameHead head;
  while (meter_.next(bytes, head)) {
    if (!count_frame(head, bytes.substr(0, head.length))) return false;
  }
  return true;
}

// How many bytes the frames have that are to be looked at now. A request is not parted from what
// follows it closely: it may be its end.
size_t Http2Session::share_of(std::string_view bytes, size_t max_requests) {
  size_t begun = 0;
  size_t frames = 0;
  Http2FrameMeter::FrameHead head;
  for (std::string_view rest = bytes;;) {
    share_meter_.skip_payload(rest);
    const Http2FrameMeter before = share_meter_;
    const size_t share = bytes.size() - rest.size();
    if (!share_meter_.next(rest, head)) return bytes.size();
    const bool enough = begun >= max_requests || frames >= kManyFramesAtOnce;
    if ((enough && head.type == NGHTTP2_HEADERS) || frames >= kMaxFramesAtOnce) {
      share_meter_ = before;
      return share;
    }
    ++frames;
    if (head.type == NGHTTP2_HEADERS) ++begun;
    if (head.type == NGHTTP2_RST_STREAM && begun > 0) --begun;  // that one costs next to nothing
  }
}

void Http2Session::feed(std::string_view bytes) {
  const auto used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  deliver_last_piece();
  if (used >= 0) return;
  dead_ = true;
  if (used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
    flood(Http2Flood::continuation);
  } else if (used == NGHTTP2_ERR_FLOODED) {
    flood(Http2Flood::ping);
  } else if (!flooded_) {
    terminate(used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? Http2Error::protocol_error
                                                   : Http2Error::internal_error);
  }
}

bool Http2Session::ration(Http2Flood kind) {
  if (ration_.take(kind, now_)) return true;
  flood(kind);
  return false;
}

void Http2Session::flood(Http2Flood kind) {
  dead_ = true;
  if (std::exchange(flooded_, true)) return;
  handler_.on_flood(kind);
  terminate(Http2Error::enhance_your_calm);
}

bool Http2Session::is_cancelled(uint32_t stream) const {
  return std::ranges::find(cancelled_, stream) != cancelled_.end();
}

// False: the peer floods, or breaks a rule that nghttp2 does not see to.
bool Http2Session::count_frame(const Http2FrameMeter::FrameHead& head, std::string_view payload) {
  switch (head.type) {
    case NGHTTP2_HEADERS:
      ration_.earn(Http2Flood::window_update, kUpdatesPerRequest);
      ration_.earn(Http2Flood::priority, kUpdatesPerRequest);
      return true;
    case NGHTTP2_DATA:
      if (head.length == 0 && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return ration(Http2Flood::empty_data);
      }
      ration_.earn(Http2Flood::ping, kPingsPerDataFrame);
      return true;
    case NGHTTP2_RST_STREAM:
      cancelled_.push_back(head.stream);
      return ration(Http2Flood::reset);
    case NGHTTP2_PING:
      return ration(Http2Flood::ping);
    case NGHTTP2_SETTINGS:
      if ((head.flags & NGHTTP2_FLAG_ACK) == 0) windows_.on_settings(payload, head.length);
      return ration(Http2Flood::settings);
    case NGHTTP2_PRIORITY:
      // nghttp2 does not look at them once we have said that they mean nothing to us.
      if (head.stream == 0 || head.length != 5) {
        dead_ = true;
        terminate(head.stream == 0 ? Http2Error::protocol_error : Http2Error::frame_size_error);
        return false;
      }
      return ration(Http2Flood::priority);
    case NGHTTP2_PRIORITY_UPDATE:
      return ration(Http2Flood::priority);
    case NGHTTP2_WINDOW_UPDATE:
      return count_window_update(head, payload);
    case NGHTTP2_CONTINUATION:  // nghttp2 counts them
    case NGHTTP2_GOAWAY:
    case NGHTTP2_PUSH_PROMISE:
      return true;
    default:
      return ration(Http2Flood::unknown_frame);
  }
}

// nghttp2 knows the streams up to the last that it has begun with.
bool Http2Session::count_window_update(const Http2FrameMeter::FrameHead& head,
                                       std::string_view payload) {
  const auto known = static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
  if (head.stream > known && windows_.on_window_update(head.stream, payload, head.length)) {
    cancelled_.push_back(head.stream);
    if (!ration(Http2Flood::reset)) return false;
  }
  return ration(Http2Flood::window_update);
}

int Http2Session::Callbacks::begin_head(Http2Session& session, const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return 0;
  if (session.block_ == nullptr) session.block_ = std::make_unique<Http2FieldBlock>();
  session.block_->begin(session.head_limits_);
  return 0;
}

int Http2Session::Callbacks::end_frame(Http2Session& session, const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      return frame.headers.cat == NGHTTP2_HCAT_REQUEST ? end_request_head(session, frame)
                                                       : end_body(session, frame);
    case NGHTTP2_DATA:
      return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 ? end_body(session, frame) : 0;
    case NGHTTP2_RST_STREAM:
      session.reset_by_peer_ = frame.hd.stream_id;
      return 0;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) session.handler_.on_pong();
      return 0;
    default:
      return 0;
  }
}

int Http2Session::Callbacks::end_request_head(Http2Session& session, const nghttp2_frame& frame) {
  const bool last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (session.open_streams_ >= session.stream_limit_) {
    session.handler_.on_stream_error(Http2Error::refused_stream);
    session.reset(static_cast<uint32_t>(frame.hd.stream_id), Http2Error::refused_stream);
    return session.ration(Http2Flood::reset) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (session.head_ == nullptr) session.head_ = std::make_unique<RequestHead>();
  Http2Request request{.stream = static_cast<uint32_t>(frame.hd.stream_id), .head = *session.head_};
  request.refusal = session.block_->read_request(last, *session.head_);
  request.head_bytes = session.block_->bytes();
  request.last = last;
  request.cancelled = session.is_cancelled(request.stream);
  session.handler_.on_request(request);
  if (session.handler_of(frame.hd.stream_id) == nullptr && !request.cancelled) {
    session.reset(request.stream, Http2Error::refused_stream);
  }
  return 0;
}

int Http2Session::Callbacks::body_piece(Http2Session& session, uint32_t stream, uint8_t flags,
                                        std::string_view bytes) {
  session.deliver_last_piece();
  if ((flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    session.last_piece_ = bytes;
    session.last_piece_stream_ = stream;
    return 0;
  }
  Http2StreamHandler* const handler = session.handler_of(static_cast<int32_t>(stream));
  if (handler == nullptr) {
    session.consume(stream, bytes.size());
  } else {
    handler->on_body(bytes, false, {});
  }
  return 0;
}

// The frame goes on in bytes that have not come yet.
void Http2Session::deliver_last_piece() {
  if (last_piece_.empty()) return;
  const std::string_view bytes = std::exchange(last_piece_, {});
  Http2StreamHandler* const handler = handler_of(static_cast<int32_t>(last_piece_stream_));
  if (handler == nullptr) {
    consume(last_piece_stream_, bytes.size());
  } else {
    handler->on_body(bytes, false, {});
  }
}

// By DATA or by trailers.
int Http2Session::Callbacks::end_body(Http2Session& session, const nghttp2_frame& frame) {
  const std::string_view bytes = std::exchange(session.last_piece_, {});
  Http2StreamHandler* const handler = session.handler_of(frame.hd.stream_id);
  if (handler == nullptr) {
    session.consume(static_cast<uint32_t>(frame.hd.stream_id), bytes.size());
    return 0;
  }
  std::string trailers;
  if (frame.hd.type == NGHTTP2_HEADERS) {
    if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;  // nghttp2 has refused it
    if (!session.block_->read_trailers(trailers)) {
      session.reset(static_cast<uint32_t>(frame.hd.stream_id), Http2Error::protocol_error);
      return 0;
    }
  }
  handler->on_body(bytes, true, trailers);
  return 0;
}

int Http2Session::Callbacks::stream_closed(Http2Session& session, int32_t stream, uint32_t error) {
  if (session.last_piece_stream_ == static_cast<uint32_t>(stream)) session.deliver_last_piece();
  Http2StreamHandler* const handler = session.handler_of(stream);
  const bool by_peer = std::exchange(session.reset_by_peer_, 0) == stream;
  if (handler == nullptr) return 0;
  nghttp2_session_set_stream_user_data(session.session_, stream, nullptr);
  --session.open_streams_;
  handler->on_closed(how_closed(by_peer, error), static_cast<Http2Error>(error));
  return 0;
}

// --- Sending

void Http2Session::produce(std::string& out, size_t limit) {
  const size_t begin = out.size();
  if (!output_.produce(session_, out, limit)) dead_ = true;
  if (announced_ || out.size() == begin) return;
  announced_ = true;  // SETTINGS come before all
  write_stream_limit(stream_limit_, out, begin);
}

int Http2Session::Callbacks::frame_sent(Http2Session& session, const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_DATA:
      session.ration_.earn(Http2Flood::window_update, kUpdatesPerDataFrame);
      session.ration_.earn(Http2Flood::ping, kPingsPerDataFrame);
      [[fallthrough]];
    case NGHTTP2_HEADERS:
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
      session.ration_.earn(Http2Flood::reset, 1);
      if (Http2StreamHandler* const handler = session.handler_of(frame.hd.stream_id)) {
        handler->on_end_sent();
      }
      return 0;
    case NGHTTP2_RST_STREAM: {
      const auto error = static_cast<Http2Error>(frame.rst_stream.error_code);
      if (!is_fault_of_peer(error)) return 0;
      // What the peer makes us reset costs as much as what it resets itself.
      if (session.handler_of(frame.hd.stream_id) == nullptr)
        session.handler_.on_stream_error(error);
      session.ration(Http2Flood::reset);
      return 0;
    }
    case NGHTTP2_GOAWAY:
      if (frame.goaway.error_code != NGHTTP2_NO_ERROR) {
        session.dead_ = true;
        session.handler_.on_connection_error(static_cast<Http2Error>(frame.goaway.error_code));
      }
      return 0;
    default:
      return 0;
  }
}

void Http2Session::attach(uint32_t stream, Http2StreamHandler& handler) {
  nghttp2_session_set_stream_user_data(session_, static_cast<int32_t>(stream), &handler);
  ++open_streams_;
}

void Http2Session::send_informational(uint32_t stream, const std::vector<Field>& fields) {
  const auto pairs = to_pairs(fields);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream), nullptr,
                         pairs.data(), pairs.size(), nullptr);
}

void Http2Session::send_head(uint32_t stream, const std::vector<Field>& fields, bool last) {
  const auto pairs = to_pairs(fields);
  nghttp2_data_provider body{};
  body.source.ptr = handler_of(static_cast<int32_t>(stream));
  body.read_callback = Callbacks::read_body;
  nghttp2_submit_response(session_, static_cast<int32_t>(stream), pairs.data(), pairs.size(),
                          last ? nullptr : &body);
}

void Http2Session::resume(uint32_t stream) {
  nghttp2_session_resume_data(session_, static_cast<int32_t>(stream));  // or it was not deferred
}

void Http2Session::consume(uint32_t stream, size_t bytes) {
  if (bytes > 0) nghttp2_session_consume(session_, static_cast<int32_t>(stream), bytes);
}

void Http2Session::consume_connection(size_t bytes) {
  if (bytes > 0) nghttp2_session_consume_connection(session_, bytes);
}

void Http2Session::reset(uint32_t stream, Http2Error error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream),
                            static_cast<uint32_t>(error));
}

// --- The end

void Http2Session::announce_shutdown() { nghttp2_submit_shutdown_notice(session_); }

void Http2Session::ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

void Http2Session::refuse_new_streams() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void Http2Session::terminate(Http2Error error) {
  nghttp2_session_terminate_session(session_, static_cast<uint32_t>(error));
}

bool Http2Session::is_over() const {
  return nghttp2_session_want_write(session_) == 0 &&
         (dead_ || nghttp2_session_want_read(session_) == 0);
}

size_t Http2Session::waiting_frames() const {
  return nghttp2_session_get_outbound_queue_size(session_);
}

void Http2Session::trim() {
  block_.reset();
  head_.reset();
}

}  // namespace flaskscale::http
