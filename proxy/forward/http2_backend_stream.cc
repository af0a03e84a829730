#include "proxy/forward/http2_backend_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/forward/exchange.h"
#include "proxy/forward/http2_backend_connection.h"
#include "proxy/forward/worker_services.h"
#include "proxy/http/http2_request_fields.h"

namespace flaskscale::forward {
namespace {

// A connection on which nothing at all has come for so long, while an answer was due, is not used
// for new requests: its peer may be gone without a word.
constexpr Duration kSilence = std::chrono::seconds(1);

}  // namespace

Http2BackendStream::Http2BackendStream(Http2BackendConnection& connection, WorkerServices& services,
                                       Exchange& exchange)
    : connection_(connection),
      services_(services),
      exchange_(&exchange),
      reused_(connection.has_served()) {}

Http2BackendStream::~Http2BackendStream() {
  services_.buffers.give(std::move(request_held_));
  services_.buffers.give(std::move(response_held_));
}

void Http2BackendStream::on_connected() {
  if (exchange_ != nullptr && id_ == 0) exchange_->on_connected();
}

// --- The request

SendState Http2BackendStream::send_request(const Request& request) {
  if (!connection_.is_open()) return SendState::failed;
  method_ = request.method;
  request_ended_ = request.end == End::last;
  request_trailers_ = request.trailers;
  sent_at_ = services_.loop.now();
  const std::string_view body = request.bytes.substr(request.head_bytes);
  const bool alone = request_ended_ && body.empty() && request_trailers_.empty();
  auto& fields = connection_.fields();
  http::read_request_fields(request.bytes.substr(0, request.head_bytes), fields);
  id_ = connection_.session().open(fields, alone, *this);
  if (id_ == 0) return SendState::failed;
  return push(body);
}

SendState Http2BackendStream::send(std::string_view bytes, End end, std::string_view trailers) {
  request_ended_ = end == End::last;
  request_trailers_ = trailers;
  return push(bytes);
}

// Offers the bytes behind what is held; what can't go now is held. A stream that is gone takes
// everything: how it ended is told by itself.
SendState Http2BackendStream::push(std::string_view bytes) {
  if (closed_ || !connection_.is_open()) return SendState::sent;
  request_now_ = bytes;
  if (request_held_ != nullptr) hold_request();
  connection_.session().resume(id_);
  connection_.pump();
  if (closed_) {
    request_now_ = {};
    return SendState::sent;
  }
  hold_request();
  if (request_held_ == nullptr) return SendState::sent;
  blocked_ = true;
  return SendState::blocked;
}

void Http2BackendStream::hold_request() {
  if (request_now_.empty()) return;
  if (request_held_ == nullptr) request_held_ = services_.buffers.take();
  request_held_->append(request_now_);
  request_now_ = {};
}

http::Http2StreamHandler::Sendable Http2BackendStream::sendable() const {
  const size_t held = request_held_ == nullptr ? 0 : request_held_->size() - request_taken_;
  return {held + request_now_.size(), request_ended_, request_trailers_};
}

void Http2BackendStream::take(size_t bytes, std::string& out) {
  if (request_held_ != nullptr) {
    const size_t size = std::min(bytes, request_held_->size() - request_taken_);
    out.append(*request_held_, request_taken_, size);
    request_taken_ += size;
    bytes -= size;
    if (request_taken_ == request_held_->size()) {
      services_.buffers.give(std::move(request_held_));
      request_held_ = nullptr;
      request_taken_ = 0;
      if (blocked_) ask_for_revisit();
    }
  }
  out.append(request_now_.substr(0, bytes));
  request_now_.remove_prefix(bytes);
}

// --- The response

void Http2BackendStream::on_informational(const http::ResponseHead& head) {
  received_ = true;
  if (exchange_ != nullptr) exchange_->on_informational(head);
}

void Http2BackendStream::on_response(const http::ResponseHead& head, std::string_view bytes,
                                     bool last, std::string_view trailers) {
  received_ = true;
  response_ended_ = last;
  if (exchange_ == nullptr) return;
  connection_.session().consume(id_, bytes.size());
  exchange_->on_response(head, bytes, last ? End::last : End::more_follows, trailers);
}

void Http2BackendStream::on_body(std::string_view bytes, bool last, std::string_view trailers) {
  response_ended_ = response_ended_ || last;
  if (exchange_ == nullptr) return;
  if (!paused_ && response_held_ == nullptr) {
    deliver(bytes, last, trailers);
    return;
  }
  if (response_held_ == nullptr) response_held_ = services_.buffers.take();
  response_held_->append(bytes);
  if (last) response_trailers_ = trailers;
}

void Http2BackendStream::deliver(std::string_view bytes, bool last, std::string_view trailers) {
  if (!closed_) connection_.session().consume(id_, bytes.size());
  connection_.schedule_flush();
  exchange_->on_response_body(bytes, last ? End::last : End::more_follows, trailers);
}

void Http2BackendStream::deliver_held() {
  if (response_held_ == nullptr || paused_ || exchange_ == nullptr) return;
  auto bytes = std::exchange(response_held_, nullptr);
  const std::string trailers = std::exchange(response_trailers_, {});
  deliver(*bytes, response_ended_, trailers);
  services_.buffers.give(std::move(bytes));
}

// The caller may be in the midst of something: what is held is given later in this turn.
void Http2BackendStream::resume_reading() {
  paused_ = false;
  if (response_held_ != nullptr) ask_for_revisit();
}

void Http2BackendStream::ask_for_revisit() {
  if (std::exchange(revisited_, true)) return;
  connection_.revisit(*this);
  connection_.schedule_flush();
}

void Http2BackendStream::revisit() {
  revisited_ = false;
  if (exchange_ == nullptr) return;
  if (closed_ && !response_ended_) {
    tell_broken();
    return;
  }
  if (request_held_ == nullptr && std::exchange(blocked_, false)) {
    exchange_->on_backend_drained();
    if (exchange_ == nullptr) return;
  }
  deliver_held();
}

// --- The end

// Inside produce() an exchange may be on the stack: it is told later. A backend may end its
// response, and then the stream, before it has read all of the request.
void Http2BackendStream::on_closed(Closed how, http::Http2Error error) {
  closed_ = true;
  how_ = how;
  error_ = error;
  if (exchange_ == nullptr || response_ended_) return;
  if (connection_.is_receiving()) {
    tell_broken();
  } else {
    ask_for_revisit();
  }
}

void Http2BackendStream::tell_broken() {
  Error error{ErrorCode::closed_by_peer, Origin::backend, Retry::never,
              std::string(http::reason_of(error_))};
  if (how_ == Closed::by_peer && error_ == http::Http2Error::refused_stream) {
    error.code = ErrorCode::cancelled;
    error.retry = Retry::always;
  } else if (!head_sent_) {
    error.retry = Retry::always;
  } else if (how_ == Closed::by_us) {
    error.code = ErrorCode::bad_message;
    if (!malformed_.empty()) error.detail = malformed_;
  }
  exchange_->on_backend_broken(error);
}

void Http2BackendStream::lose(const Error& error, bool connected) {
  closed_ = true;
  if (exchange_ == nullptr) return;
  if (response_ended_) {  // whole, but for the client, who is slow
    paused_ = false;
    deliver_held();
    if (exchange_ == nullptr) return;
  }
  Error told = error;
  if (connected && !head_sent_) told.retry = Retry::always;
  exchange_->on_backend_broken(told);
}

void Http2BackendStream::release(After after) {
  exchange_ = nullptr;
  if (id_ != 0 && !closed_ && !connection_.is_closed()) {
    connection_.session().detach(id_);
    if (!end_sent_ || !response_ended_) {
      connection_.session().reset(id_, http::Http2Error::cancel);
    }
    const bool silent = !received_ && services_.loop.now() - sent_at_ > kSilence &&
                        !connection_.received_since(sent_at_);
    if (silent) after = After::retire;
  }
  connection_.remove(*this, after);
}

}  // namespace flaskscale::forward
