#include "proxy/forward/exchange.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "balancer/pool.h"
#include "base/check.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/worker_services.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::forward {
namespace {

using balancer::ExchangeResult;

// Request bytes held while there is no backend to take them, or so that they may be sent once more.
constexpr size_t kHeldRequestBytes = 64U << 10U;
// An idle connection that has rested longer is asked whether its peer is still there.
constexpr Duration kTrustedRest = std::chrono::milliseconds(50);

std::string_view reason_of(balancer::Refusal refusal) {
  switch (refusal) {
    case balancer::Refusal::queue_full:
      return "queue_full";
    case balancer::Refusal::queue_bytes:
      return "queue_bytes";
    case balancer::Refusal::predicted_too_late:
      return "predicted_too_late";
    case balancer::Refusal::waited_too_long:
      return "waited_too_long";
    case balancer::Refusal::no_capacity:
      return "no_capacity";
    case balancer::Refusal::shutting_down:
      return "shutting_down";
  }
  return "refused";
}

}  // namespace

Exchange::Exchange(WorkerServices& services) : services_(services) {}

void Exchange::start(ClientStream& client, const RequestOrigin& origin,
                     const http::RequestHead& head, std::string_view body, End end) {
  FS_CHECK(phase_ == Phase::unused);
  client_ = &client;
  snapshot_ = &services_.current();
  ++snapshot_->uses;
  began_ = origin.began;
  method_ = head.method;
  protocol_ = origin.protocol;
  request_framing_ = head.framing;
  announced_body_ = head.framing == http::Framing::chunked ? std::numeric_limits<uint64_t>::max()
                                                           : head.content_length;
  wants_upgrade_ = !head.upgrade.empty();
  informational_allowed_ = head.version == http::Version::http11;
  wants_json_ = http::prefers_json(http::find_field(head.fields, "accept"));
  phase_ = Phase::queued;
  write_request(head, origin);
  if (services_.access_log != nullptr) remember_for_log(head);

  const Snapshot& shared = *snapshot_->shared;
  const auto route = shared.router.match(head.authority, head.path);
  if (!route) {
    request_complete_ = end == End::last;
    fail(404, balancer::kReasonNoRoute);
    return;
  }
  pool_ = snapshot_->pools[shared.pool_of_route[*route]];
  append_request_body(body, end, request_decoder_.trailers());
  asked_ = services_.loop.now();
  acquire(std::nullopt, 0);
}

void Exchange::write_request(const http::RequestHead& head, const RequestOrigin& origin) {
  client_text_.clear();
  origin.client.append_to(client_text_);
  std::string_view id;
  if (origin.client_is_trusted) id = http::find_field(head.fields, "x-request-id");
  request_id_ = http::is_valid_request_id(id) ? id : services_.new_request_id();
  const http::RequestFacts facts{client_text_, origin.scheme, request_id_,
                                 origin.client_is_trusted};
  request_bytes_.clear();
  http::write_request_head(head, facts, request_bytes_);
  bytes_in_ = origin.head_bytes;
}

void Exchange::remember_for_log(const http::RequestHead& head) {
  method_text_ = head.method_text;
  host_ = head.authority;
  path_ = head.path;
  user_agent_ = http::find_field(head.fields, "user-agent");
  referer_ = http::find_field(head.fields, "referer");
}

// --- Slot
// -------------------------------------------------------------------------------------------

void Exchange::acquire(std::optional<Time> first_enqueued, uint64_t avoid_backend) {
  balancer::AcquireRequest request;
  request.now = services_.loop.now();
  request.bytes = sizeof(Exchange) + request_bytes_.capacity();
  // What may still come while it waits.
  if (!request_complete_) {
    request.bytes +=
        std::min<uint64_t>(announced_body_, kHeldRequestBytes + WorkerServices::kReadBytes);
  }
  request.first_enqueued = first_enqueued;
  request.avoid_backend = avoid_backend;
  auto outcome = pool_->pool().acquire(pool_->view(), request, *this, services_.home);
  if (outcome.slot) {
    dispatch(std::move(outcome.slot));
  } else if (outcome.refused) {
    on_refused(*outcome.refused);
  } else {
    phase_ = Phase::queued;
    ticket_ = std::move(outcome.ticket);
    // One that waits again has used up part of its time: it is looked at sooner.
    TimeoutList& list = first_enqueued ? pool_->stretched : pool_->queued;
    list.restart(deadline_, this, request.now);
  }
}

void Exchange::on_slot(balancer::Slot slot) {
  ticket_.reset();
  dispatch(std::move(slot));
}

void Exchange::on_refused(balancer::Refused refused) {
  ticket_.reset();
  queue_time_ = services_.loop.now() - asked_;
  fail(503, reason_of(refused.why), refused.retry_after_s);
}

void Exchange::on_queue_deadline(Time now) {
  const Time deadline = pool_->pool().deadline(*ticket_, now);
  if (deadline > now) {
    pool_->stretched.restart(deadline_, this, now);
    return;
  }
  pool_->pool().leave(ticket_, balancer::Pool::Leave::timed_out, now);
  on_refused(pool_->pool().timed_out_refusal(now));
}

// --- Sending the request
// ------------------------------------------------------------------------------

void Exchange::dispatch(balancer::Slot slot) {
  deadline_.cancel();
  slot_ = std::move(slot);
  const Time now = services_.loop.now();
  if (queue_time_ < Duration::zero()) queue_time_ = now - asked_;
  if (services_.access_log != nullptr) backend_text_ = slot_.backend().address();
  backend_ = take_live_connection();
  if (backend_ != nullptr) {
    backend_->lend_to(*this);
    send_request();
    return;
  }
  phase_ = Phase::connecting;
  connect_began_ = now;
  auto opened = BackendConnection::open(services_, *pool_, slot_.backend(), *this);
  if (!opened) {
    on_backend_broken(opened.error());
    return;
  }
  backend_ = *std::move(opened);
  services_.exchange_connect.restart(deadline_, this, now);
}

std::unique_ptr<BackendConnection> Exchange::take_live_connection() {
  const bool must_ask = !http::is_idempotent(method_) || !replayable_;
  while (auto connection = pool_->take_idle(slot_.backend().id())) {
    const bool rested = services_.loop.now() - connection->idle_since.since() > kTrustedRest;
    if ((!must_ask && !rested) || connection->is_quiet()) return connection;
    BackendConnection::discard(std::move(connection));
  }
  return nullptr;
}

void Exchange::on_connected() {
  connect_time_ = services_.loop.now() - connect_began_;
  send_request();
}

void Exchange::send_request() {
  phase_ = Phase::waiting;
  sent_at_ = services_.loop.now();
  backend_->expect_response(method_);
  const std::string_view bytes = request_bytes_;
  const SendState state = backend_->send(std::span(&bytes, 1));
  if (state == SendState::failed) {
    on_backend_broken(Error{ErrorCode::closed_by_peer, Origin::backend, Retry::always, "write"});
    return;
  }
  written_ = true;
  restart_response_timer();
  // Held back while nobody could take it.
  if (state == SendState::sent && !request_complete_) {
    client_->set_request_flow(ClientStream::RequestFlow::flowing);
  }
}

void Exchange::restart_response_timer() {
  services_.exchange_response.restart(deadline_, this, services_.loop.now());
}

// Frames a piece of the body behind what request_bytes_ holds.
void Exchange::append_request_body(std::string_view body, End end, std::string_view trailers) {
  bytes_in_ += body.size();
  request_complete_ = end == End::last;
  if (request_framing_ == http::Framing::none) return;
  if (request_framing_ == http::Framing::chunked) {
    if (!body.empty()) {
      http::append_chunk_size(body.size(), request_bytes_);
      request_bytes_.append(body).append("\r\n");
    }
    if (end == End::last) request_bytes_.append("0\r\n").append(trailers).append("\r\n");
    return;
  }
  request_bytes_.append(body);
}

void Exchange::on_request_body(std::string_view body, End end, std::string_view trailers) {
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::queued || phase_ == Phase::connecting) {
    append_request_body(body, end, trailers);
    if (!request_complete_ && request_bytes_.size() > kHeldRequestBytes) {
      client_->set_request_flow(ClientStream::RequestFlow::paused);
    }
    return;
  }
  send_request_body(body, end, trailers);
}

void Exchange::send_request_body(std::string_view body, End end, std::string_view trailers) {
  // While the request may have to be sent again, all of it is kept.
  const size_t before = request_bytes_.size();
  if (replayable_ && (!http::is_idempotent(method_) || before + body.size() > kHeldRequestBytes)) {
    replayable_ = false;
  }
  if (!replayable_) request_bytes_.clear();
  const size_t from = request_bytes_.size();
  SendState state = SendState::sent;
  if (request_framing_ == http::Framing::content_length && !replayable_) {
    bytes_in_ += body.size();
    request_complete_ = end == End::last;
    state = backend_->send(std::span(&body, 1));
  } else {
    append_request_body(body, end, trailers);
    const std::string_view piece = std::string_view(request_bytes_).substr(from);
    state = backend_->send(std::span(&piece, 1));
  }
  if (state == SendState::failed) {
    backend_->stop_sending();  // an answer may have been given before the backend closed
    return;
  }
  if (phase_ == Phase::waiting) restart_response_timer();
  if (state == SendState::blocked && !request_complete_) {
    client_->set_request_flow(ClientStream::RequestFlow::paused);
  }
}

void Exchange::on_backend_drained() {
  if (phase_ == Phase::waiting) restart_response_timer();
  if (phase_ == Phase::tunnel || !request_complete_) {
    client_->set_request_flow(ClientStream::RequestFlow::flowing);
  }
}

// --- The response
// ----------------------------------------------------------------------------------------

void Exchange::on_informational(const http::ResponseHead& head) {
  // The response timer runs on: a backend that only drips these would hold its slot for ever.
  if (!informational_allowed_) return;
  apply_client_state(client_->send_informational(head));
}

void Exchange::on_response(const http::ResponseHead& head, std::string_view body, End end,
                           std::string_view trailers) {
  first_byte_time_ = services_.loop.now() - sent_at_;
  deadline_.cancel();
  phase_ = Phase::responding;
  status_ = head.status;
  if (status_ >= 500) result_ = ExchangeResult::server_error;
  bytes_out_ += body.size();
  if (end == End::more_follows)
    services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  const SendState state = client_->send_head(head, body, end, trailers);
  if (phase_ == Phase::ended) return;
  if (end == End::last) {
    complete_response();
    return;
  }
  apply_client_state(state);
}

void Exchange::on_response_body(std::string_view body, End end, std::string_view trailers) {
  bytes_out_ += body.size();
  if (end == End::more_follows)
    services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  const SendState state = client_->send_body(body, end, trailers);
  if (phase_ == Phase::ended) return;
  if (end == End::last) {
    complete_response();
    return;
  }
  apply_client_state(state);
}

void Exchange::complete_response() {
  finish(request_complete_ ? AfterExchange::keep : AfterExchange::close);
}

void Exchange::apply_client_state(SendState state) {
  if (phase_ == Phase::ended) return;
  if (state == SendState::failed) {
    on_client_lost("client_left");
  } else if (state == SendState::blocked && backend_ != nullptr) {
    backend_->pause_reading();
  }
}

void Exchange::on_client_drained() {
  if (backend_ == nullptr) return;
  if (phase_ == Phase::responding || phase_ == Phase::tunnel) {
    services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  }
  if (!backend_tunnel_ended_) backend_->resume_reading();
}

}  // namespace flaskscale::forward
