#include "proxy/http/http2_client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "proxy/http/http2_nghttp2.h"
#include "proxy/http/http2_response_fields.h"

namespace flaskscale::http {

// What nghttp2 calls.
struct Http2ClientSession::Callbacks {
  using Session = Http2ClientSession;
  static Session& self(void* user) { return *static_cast<Session*>(user); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* user) {
    self(user).deliver_waiting_head();
    self(user).block_.begin(self(user).head_limits_);
    return 0;
  }
  static int on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* user) {
    self(user).block_.add(view_of(name, name_size), view_of(value, value_size));
    return 0;
  }
  // nghttp2 would go on without it. What is dubious is refused, not repaired.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t*, size_t,
                               const uint8_t*, size_t, uint8_t, void* user) {
    if (auto* const handler = self(user).handler_of(frame->hd.stream_id)) {
      handler->on_malformed("bad_field");
    }
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return end_frame(self(user), *frame);
  }
  static int on_data(nghttp2_session*, uint8_t flags, int32_t stream, const uint8_t* data,
                     size_t size, void* user) {
    Session& session = self(user);
    if (session.last_piece_stream_ != 0) session.deliver_waiting();
    if ((flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      session.last_piece_ = view_of(data, size);
      session.last_piece_stream_ = stream;
    } else {
      session.deliver(stream, view_of(data, size), false, {});
    }
    return 0;
  }
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return frame_sent(self(user), *frame);
  }
  static int on_stream_close(nghttp2_session*, int32_t stream, uint32_t error, void* user) {
    return stream_closed(self(user), stream, error);
  }

  static ssize_t read_body(nghttp2_session* nghttp2, int32_t stream, uint8_t*, size_t length,
                           uint32_t* flags, nghttp2_data_source*, void* user) {
    const Http2ClientStreamHandler* const handler = self(user).handler_of(stream);
    if (handler == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return self(user).output_.read_body(nghttp2, stream, length, *flags, *handler);
  }
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* header, size_t length,
                       nghttp2_data_source*, void* user) {
    Http2ClientStreamHandler* const handler = self(user).handler_of(frame->hd.stream_id);
    if (handler == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    self(user).output_.append_data(header, length, *handler);
    return 0;
  }

  static int end_frame(Session& session, const nghttp2_frame& frame);
  static int end_head(Session& session, const nghttp2_frame& frame);
  static int end_body(Session& session, const nghttp2_frame& frame);
  static int frame_sent(Session& session, const nghttp2_frame& frame);
  static int stream_closed(Session& session, int32_t stream, uint32_t error);
};

Http2ClientSession::Http2ClientSession(const Settings& settings, Http2ClientSessionHandler& handler)
    : handler_(handler), head_limits_(settings.head) {
  static const nghttp2_session_callbacks* const kCallbacks = new_callbacks<Callbacks>();
  nghttp2_option* const option = new_option(settings.head.head_bytes);
  const int made = nghttp2_session_client_new2(&session_, kCallbacks, this, option);
  nghttp2_option_del(option);
  FS_CHECK(made == 0);

  const std::array<nghttp2_settings_entry, 3> entries = {{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.head.head_bytes},
  }};
  begin_session(session_, entries, settings.connection_window);
}

Http2ClientSession::~Http2ClientSession() { nghttp2_session_del(session_); }

// Only Http2ClientStreamHandlers are ever set.
Http2ClientStreamHandler* Http2ClientSession::handler_of(int32_t stream) const {
  return static_cast<Http2ClientStreamHandler*>(
      nghttp2_session_get_stream_user_data(session_, stream));
}

// --- Receiving

void Http2ClientSession::receive(std::string_view bytes) {
  if (dead_) return;
  const auto used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  deliver_waiting();
  deliver_waiting_head();
  if (used >= 0) return;
  dead_ = true;
  terminate(used == NGHTTP2_ERR_NOMEM ? Http2Error::internal_error : Http2Error::protocol_error);
}

// A piece of a body, behind the head if that waits for it.
void Http2ClientSession::deliver(int32_t stream, std::string_view bytes, bool last,
                                 std::string_view trailers) {
  // Whoever is slow holds up its own stream only.
  if (!bytes.empty()) nghttp2_session_consume_connection(session_, bytes.size());
  const bool with_head = head_stream_ == stream;
  if (with_head) head_stream_ = 0;
  Http2ClientStreamHandler* const handler = handler_of(stream);
  if (handler == nullptr) return;
  if (with_head) {
    handler->on_response(head_, bytes, last, trailers);
  } else {
    handler->on_body(bytes, last, trailers);
  }
}

// The frame goes on in bytes that have not come yet.
void Http2ClientSession::deliver_waiting() {
  const int32_t stream = std::exchange(last_piece_stream_, 0);
  const std::string_view bytes = std::exchange(last_piece_, {});
  if (stream != 0 && !bytes.empty()) deliver(stream, bytes, false, {});
}

void Http2ClientSession::deliver_waiting_head() {
  if (head_stream_ != 0) deliver(head_stream_, {}, false, {});
}

int Http2ClientSession::Callbacks::end_frame(Session& session, const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      return session.block_.is_response() ? end_head(session, frame) : end_body(session, frame);
    case NGHTTP2_DATA:
      return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 ? end_body(session, frame) : 0;
    case NGHTTP2_RST_STREAM:
      session.reset_by_peer_ = frame.hd.stream_id;
      return 0;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) session.handler_.on_settings();
      return 0;
    case NGHTTP2_GOAWAY:
      session.handler_.on_goaway();
      return 0;
    default:
      return 0;
  }
}

int Http2ClientSession::Callbacks::end_head(Session& session, const nghttp2_frame& frame) {
  const int32_t stream = frame.hd.stream_id;
  Http2ClientStreamHandler* const handler = session.handler_of(stream);
  if (handler == nullptr) return 0;
  const std::string_view wrong = session.block_.read_response(handler->method(), session.head_);
  const bool last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!wrong.empty()) {
    session.refuse(stream, wrong);
  } else if (session.head_.status < 200) {
    if (last) {
      session.refuse(stream, "informational_ends_stream");
    } else {
      handler->on_informational(session.head_);
    }
  } else {
    session.head_stream_ = stream;
    if (last) session.deliver(stream, {}, true, {});
  }
  return 0;
}

// By DATA or by trailers.
int Http2ClientSession::Callbacks::end_body(Session& session, const nghttp2_frame& frame) {
  const int32_t stream = frame.hd.stream_id;
  session.last_piece_stream_ = 0;
  const std::string_view bytes = std::exchange(session.last_piece_, {});
  std::string trailers;
  if (frame.hd.type == NGHTTP2_HEADERS) {
    if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;  // nghttp2 has refused it
    if (!session.block_.read_trailers(trailers)) {
      session.refuse(stream, "bad_trailers");
      return 0;
    }
  }
  session.deliver(stream, bytes, true, trailers);
  return 0;
}

void Http2ClientSession::refuse(int32_t stream, std::string_view reason) {
  if (auto* const handler = handler_of(stream)) handler->on_malformed(reason);
  reset(static_cast<uint32_t>(stream), Http2Error::protocol_error);
}

int Http2ClientSession::Callbacks::stream_closed(Session& session, int32_t stream, uint32_t error) {
  if (session.last_piece_stream_ == stream) session.deliver_waiting();
  if (session.head_stream_ == stream) session.deliver_waiting_head();
  Http2ClientStreamHandler* const handler = session.handler_of(stream);
  const bool reset = std::exchange(session.reset_by_peer_, 0) == stream;
  if (handler == nullptr) return 0;
  nghttp2_session_set_stream_user_data(session.session_, stream, nullptr);
  // We refuse none: those above the last one that a GOAWAY names are closed so.
  const bool by_peer = reset || error == NGHTTP2_REFUSED_STREAM;
  handler->on_closed(how_closed(by_peer, error), static_cast<Http2Error>(error));
  return 0;
}

// --- Sending

void Http2ClientSession::produce(std::string& out, size_t limit) {
  if (!output_.produce(session_, out, limit)) dead_ = true;
}

int Http2ClientSession::Callbacks::frame_sent(Session& session, const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY) {
    if (frame.goaway.error_code == NGHTTP2_NO_ERROR) return 0;
    session.dead_ = true;
    session.handler_.on_connection_error(static_cast<Http2Error>(frame.goaway.error_code));
    return 0;
  }
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return 0;
  Http2ClientStreamHandler* const handler = session.handler_of(frame.hd.stream_id);
  if (handler == nullptr) return 0;
  if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    handler->on_head_sent();
  }
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) handler->on_end_sent();
  return 0;
}

bool Http2ClientSession::may_open() const {
  return !dead_ && nghttp2_session_check_request_allowed(session_) != 0;
}

uint32_t Http2ClientSession::max_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

uint32_t Http2ClientSession::open(const std::vector<Field>& fields, bool last,
                                  Http2ClientStreamHandler& handler) {
  const auto pairs = to_pairs(fields);
  nghttp2_data_provider body{};
  body.read_callback = Callbacks::read_body;
  const int32_t stream =
      nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(), last ? nullptr : &body,
                             static_cast<void*>(&handler));
  return stream > 0 ? static_cast<uint32_t>(stream) : 0;
}

void Http2ClientSession::detach(uint32_t stream) {
  nghttp2_session_set_stream_user_data(session_, static_cast<int32_t>(stream), nullptr);
}

void Http2ClientSession::resume(uint32_t stream) {
  nghttp2_session_resume_data(session_, static_cast<int32_t>(stream));  // or it was not deferred
}

void Http2ClientSession::consume(uint32_t stream, size_t bytes) {
  if (bytes > 0) nghttp2_session_consume_stream(session_, static_cast<int32_t>(stream), bytes);
}

void Http2ClientSession::reset(uint32_t stream, Http2Error error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream),
                            static_cast<uint32_t>(error));
}

// --- The end

void Http2ClientSession::terminate(Http2Error error) {
  nghttp2_session_terminate_session(session_, static_cast<uint32_t>(error));
}

bool Http2ClientSession::is_over() const {
  return nghttp2_session_want_write(session_) == 0 &&
         (dead_ || nghttp2_session_want_read(session_) == 0);
}

size_t Http2ClientSession::waiting_frames() const {
  return nghttp2_session_get_outbound_queue_size(session_);
}

}  // namespace flaskscale::http
