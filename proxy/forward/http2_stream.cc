#include "proxy/forward/http2_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/forward/exchange.h"
#include "proxy/forward/http2_connection.h"
#include "proxy/forward/worker_services.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/http2_request_fields.h"
#include "proxy/http/websocket_key.h"

namespace flaskscale::forward {

Http2Stream::Http2Stream(Http2Connection& connection, WorkerServices& services, uint32_t id)
    : connection_(connection), services_(services), id_(id) {}

Http2Stream::~Http2Stream() {
  services_.buffers.give(std::move(request_held_));
  services_.buffers.give(std::move(response_held_));
}

// --- The request

void Http2Stream::start(const http::Http2Request& request, Time began) {
  const uint64_t limit = services_.snapshot().limits.body_bytes;
  if (limit != 0 && request.head.content_length > limit) {
    http::Http2Request refused = request;
    refused.refusal = {.status = 413, .reason = "body_too_large"};
    refuse(refused);
    return;
  }
  request_received_ = request_delivered_ = request.last;
  is_grpc_ = http::is_grpc(http::find_field(request.head.fields, "content-type"));
  if (!request.head.upgrade.empty()) {
    start_tunnel_request(request);
  } else {
    if (!request.last) restart_request_timer();
  }
  start_exchange(request, began);
}

// To a backend the request for a tunnel is complete; what follows is the tunnel's.
void Http2Stream::start_tunnel_request(const http::Http2Request& request) {
  tunnel_asked_ = true;
  if (request.last) {
    request_delivered_ = false;
    request_held_ = services_.buffers.take();
  }
}

void Http2Stream::start_exchange(const http::Http2Request& request, Time began) {
  const ConnectionFacts& facts = connection_.facts();
  RequestOrigin origin;
  origin.ends = facts.ends;
  origin.listener = &services_.snapshot().listeners[facts.listener];
  origin.tls = facts.tls.get();
  origin.scheme = facts.scheme();
  origin.protocol = "HTTP/2.0";
  origin.began = began;
  origin.head_bytes = request.head_bytes;
  origin.is_grpc = is_grpc_;
  exchange_ = services_.take_exchange();
  exchange_->request_decoder().start(http::Framing::none, 0, 0);
  if (!tunnel_asked_) {
    exchange_->start(*this, origin, request.head, {}, request.last ? End::last : End::more_follows);
    return;
  }
  const std::string key = http::websocket_key(services_.random.next(), services_.random.next());
  websocket_accept_ = http::websocket_accept(key);
  http::RequestHead head = request.head;
  head.fields.push_back({"Sec-WebSocket-Key", key});
  exchange_->start(*this, origin, head, {}, End::last);
}

void Http2Stream::ask_for_slot() {
  if (!closed_ && exchange_ != nullptr) exchange_->ask_for_slot();
}

void Http2Stream::refuse(const http::Http2Request& request) {
  request_received_ = request_delivered_ = request.last;
  http::OwnAnswer answer;
  answer.status = request.refusal.status;
  answer.reason = request.refusal.reason;
  answer.request_id = services_.new_request_id();
  answer.wants_json = http::prefers_json(http::find_field(request.head.fields, "accept"));
  answer.head_only = request.head.method_text == "HEAD";
  answer.is_grpc = http::is_grpc(http::find_field(request.head.fields, "content-type"));
  const size_t bytes = send_own_answer(answer);
  connection_.record(answer.reason, &request, answer.status, answer.request_id, bytes);
  end_stream();
}

void Http2Stream::on_body(std::string_view bytes, bool last, std::string_view trailers) {
  request_received_ = request_received_ || last;
  if (exchange_ == nullptr) {
    // Nobody wants it: the stream gets no credit for more, the connection does.
    connection_.session().consume_connection(bytes.size());
    return;
  }
  body_bytes_ += bytes.size();
  const uint64_t limit = services_.snapshot().limits.body_bytes;
  if (limit != 0 && body_bytes_ > limit && !tunnel_asked_) {
    connection_.session().consume_connection(bytes.size());
    exchange_->on_request_broken(413, "body_too_large");
    return;
  }
  if (is_request_held() || request_held_ != nullptr) {
    hold_request(bytes, last, trailers);
  } else {
    deliver(bytes, last, trailers);
  }
}

void Http2Stream::hold_request(std::string_view bytes, bool last, std::string_view trailers) {
  if (request_held_ == nullptr) request_held_ = services_.buffers.take();
  request_held_->append(bytes);
  if (last) request_trailers_ = trailers;
}

void Http2Stream::deliver(std::string_view bytes, bool last, std::string_view trailers) {
  connection_.session().consume(id_, bytes.size());
  connection_.schedule_flush();
  request_delivered_ = last;
  if (last) {
    request_deadline_.cancel();
  } else if (!tunnel_asked_) {
    restart_request_timer();
  }
  if (!tunnel_) {
    exchange_->on_request_body(bytes, last ? End::last : End::more_follows, trailers);
    return;
  }
  if (!bytes.empty()) exchange_->on_client_tunnelled(bytes);
  if (last && exchange_ != nullptr) exchange_->on_client_tunnel_end();
}

void Http2Stream::deliver_held() {
  if (is_request_held()) return;
  delivering_ = true;
  while (request_held_ != nullptr && exchange_ != nullptr && !flow_paused_) {
    auto bytes = std::exchange(request_held_, nullptr);
    const std::string trailers = std::exchange(request_trailers_, {});
    deliver(*bytes, request_received_, trailers);
    services_.buffers.give(std::move(bytes));
  }
  delivering_ = false;
}

void Http2Stream::set_request_flow(RequestFlow flow) {
  const bool was_paused = std::exchange(flow_paused_, flow == RequestFlow::paused);
  if (flow_paused_) {
    request_deadline_.cancel();
    return;
  }
  if (!was_paused) return;
  if (!request_received_ && !tunnel_asked_) restart_request_timer();
  deliver_held();
}

// The client of a gRPC stream speaks when it has something to say: what bounds its silence are the
// time-outs of the response.
void Http2Stream::restart_request_timer() {
  if (is_grpc_) return;
  services_.http2_request.restart(request_deadline_, this, services_.loop.now());
}

void Http2Stream::on_request_timeout() {
  if (exchange_ != nullptr) exchange_->on_request_broken(408, "body_timeout");
}

// --- The response

SendState Http2Stream::send_informational(const http::ResponseHead& head) {
  if (closed_ || connection_.is_broken()) return SendState::failed;
  auto& fields = services_.http2_fields;
  fields.take_head(head, {});
  connection_.session().send_informational(id_, fields.fields());
  connection_.schedule_flush();
  return SendState::sent;
}

SendState Http2Stream::send_head(const http::ResponseHead& head, std::string_view body, End end,
                                 std::string_view trailers) {
  if (closed_ || connection_.is_broken()) return SendState::failed;
  auto& fields = services_.http2_fields;
  fields.take_head(head, exchange_->request_id());
  exchange_->count_sent(fields.bytes());
  head_sent_ = true;
  response_ended_ = end == End::last;
  response_trailers_ = trailers;
  const bool alone = response_ended_ && body.empty() && trailers.empty();
  connection_.session().send_head(id_, fields.fields(), alone);
  return push(body);
}

SendState Http2Stream::send_body(std::string_view body, End end, std::string_view trailers) {
  response_ended_ = end == End::last;
  response_trailers_ = trailers;
  return push(body);
}

bool Http2Stream::accepts_switch(const http::ResponseHead& head) {
  return http::find_field(head.fields, "sec-websocket-accept") == websocket_accept_;
}

SendState Http2Stream::send_switch(const http::ResponseHead& head, std::string_view bytes) {
  if (closed_ || connection_.is_broken()) return SendState::failed;
  auto& fields = services_.http2_fields;
  fields.take_head(head, exchange_->request_id());
  exchange_->count_sent(fields.bytes());
  head_sent_ = tunnel_ = true;
  connection_.session().send_head(id_, fields.fields(), false);
  const SendState state = push(bytes);
  if (state != SendState::failed) deliver_held();
  return state;
}

SendState Http2Stream::send_tunnelled(std::string_view bytes) { return push(bytes); }

void Http2Stream::end_tunnelled() {
  response_ended_ = true;
  static_cast<void>(push({}));
}

size_t Http2Stream::send_own_answer(http::OwnAnswer answer) {
  answer.date = services_.http_date();
  auto& fields = services_.http2_fields;
  fields.take_answer(answer);
  const size_t bytes = fields.bytes() + fields.body().size();
  if (closed_ || connection_.is_broken()) return 0;
  head_sent_ = response_ended_ = true;
  connection_.session().send_head(id_, fields.fields(), fields.body().empty());
  static_cast<void>(push(fields.body()));
  return bytes;
}

// Offers the bytes behind what is held; what can't go now is held.
SendState Http2Stream::push(std::string_view bytes) {
  if (closed_ || connection_.is_broken()) return end_sent_ ? SendState::sent : SendState::failed;
  response_now_ = bytes;
  if (response_held_ != nullptr) hold_response();
  connection_.session().resume(id_);
  connection_.pump();
  if (closed_ && !end_sent_) {
    response_now_ = {};
    return SendState::failed;
  }
  hold_response();
  if (response_held_ == nullptr) return SendState::sent;
  blocked_ = true;
  if (!response_deadline_.is_armed()) restart_response_timer();
  return SendState::blocked;
}

void Http2Stream::hold_response() {
  if (response_now_.empty()) return;
  if (response_held_ == nullptr) response_held_ = services_.buffers.take();
  response_held_->append(response_now_);
  connection_.count_held(static_cast<ptrdiff_t>(response_now_.size()));
  response_now_ = {};
}

void Http2Stream::drop_response() {
  if (response_held_ == nullptr) return;
  connection_.count_held(-static_cast<ptrdiff_t>(response_held_->size() - response_taken_));
  services_.buffers.give(std::move(response_held_));
  response_held_ = nullptr;
  response_taken_ = 0;
}

void Http2Stream::drop_request() {
  if (request_held_ == nullptr) return;
  connection_.session().consume_connection(request_held_->size());
  services_.buffers.give(std::move(request_held_));
  request_held_ = nullptr;
}

http::Http2StreamHandler::Sendable Http2Stream::sendable() const {
  const size_t held = response_held_ == nullptr ? 0 : response_held_->size() - response_taken_;
  return {held + response_now_.size(), response_ended_, response_trailers_};
}

void Http2Stream::take(size_t bytes, std::string& out) {
  if (response_held_ != nullptr) {
    const size_t size = std::min(bytes, response_held_->size() - response_taken_);
    out.append(*response_held_, response_taken_, size);
    response_taken_ += size;
    bytes -= size;
    connection_.count_held(-static_cast<ptrdiff_t>(size));
    if (response_taken_ == response_held_->size()) {
      drop_response();
      response_deadline_.cancel();
      if (blocked_ && !std::exchange(revisited_, true)) connection_.revisit(*this);
    } else {
      restart_response_timer();
    }
  }
  out.append(response_now_.substr(0, bytes));
  response_now_.remove_prefix(bytes);
}

// A client of gRPC reads when it wants to: its exchange bounds for how long, while there is one.
void Http2Stream::restart_response_timer() {
  if (is_grpc_ && exchange_ != nullptr) return;
  services_.http2_response.restart(response_deadline_, this, services_.loop.now());
}

// What the client does not take is kept for it no longer.
void Http2Stream::on_response_timeout() {
  if (closed_) return;
  lost_reason_ = "client_stalled";
  if (exchange_ != nullptr) {
    exchange_->on_client_lost("client_stalled");
    return;
  }
  drop_response();
  connection_.session().reset(id_, http::Http2Error::cancel);
  connection_.schedule_flush();
}

size_t Http2Stream::room() const { return connection_.room(); }

// --- The end

void Http2Stream::on_end_sent() {
  end_sent_ = true;
  // The rest of the request is not wanted (RFC 9113 section 8.1).
  if (exchange_ == nullptr && !request_received_) {
    connection_.session().reset(id_, http::Http2Error::none);
  }
}

void Http2Stream::on_exchange_end(AfterExchange after) {
  exchange_ = nullptr;
  request_deadline_.cancel();
  drop_request();
  if (after == AfterExchange::cut && !closed_) {
    drop_response();
    response_deadline_.cancel();
    connection_.session().reset(
        id_, lost_reason_.empty() ? http::Http2Error::internal_error : http::Http2Error::cancel);
    connection_.schedule_flush();
    return;
  }
  end_stream();
}

void Http2Stream::end_stream() {
  if (closed_) {
    connection_.remove(*this);
    return;
  }
  if (response_held_ != nullptr && !response_deadline_.is_armed()) restart_response_timer();
  if (!response_ended_) {
    response_ended_ = true;
    connection_.session().resume(id_);
  } else if (end_sent_ && !request_received_) {
    connection_.session().reset(id_, http::Http2Error::none);
  }
  connection_.schedule_flush();
}

// Inside produce() an exchange may be on the stack: it is told later.
void Http2Stream::on_closed(Closed how, http::Http2Error error) {
  closed_ = true;
  request_deadline_.cancel();
  response_deadline_.cancel();
  drop_response();
  if (how == Closed::by_us) {
    lost_reason_ = http::reason_of(error);
  } else {
    lost_reason_ = "client_left";
  }
  if (connection_.is_receiving()) {
    revisit();
  } else if (!std::exchange(revisited_, true)) {
    connection_.revisit(*this);
    connection_.schedule_flush();
  }
}

void Http2Stream::revisit() {
  revisited_ = false;
  if (closed_) {
    if (exchange_ != nullptr) {
      exchange_->on_client_lost(lost_reason_);
    } else {
      connection_.remove(*this);
    }
    return;
  }
  if (response_held_ != nullptr || !std::exchange(blocked_, false)) return;
  if (exchange_ != nullptr) exchange_->on_client_drained();
}

void Http2Stream::lose(std::string_view reason) {
  closed_ = true;
  lost_reason_ = reason;
  response_deadline_.cancel();
  drop_response();
  if (exchange_ != nullptr) {
    exchange_->on_client_lost(reason);
  } else {
    connection_.remove(*this);
  }
}

void Http2Stream::on_shutdown() {
  if (exchange_ != nullptr) exchange_->on_shutdown();
}

}  // namespace flaskscale::forward
