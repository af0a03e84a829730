#include "proxy/forward/exchange.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "balancer/pool.h"
#include "base/check.h"
#include "proxy/forward/backend_connection.h"
#include "proxy/forward/connection_facts.h"
#include "proxy/forward/http2_backend_set.h"
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
  is_grpc_ = origin.is_grpc;
  informational_allowed_ = head.version >= http::Version::http11;
  wants_json_ = http::prefers_json(http::find_field(head.fields, "accept"));
  phase_ = Phase::queued;
  const bool trusted = origin.listener->trusts(origin.ends.client);
  identify(head, origin, trusted);
  if (services_.access_log != nullptr) remember_for_log(head);

  // Before everything else: an authority comes to whatever host it checks, in cleartext.
  if (answer_challenge(head, end)) return;
  if (origin.listener->redirect_to_https) {
    request_complete_ = end == End::last;
    redirect_to_https(head, *origin.listener->redirect_to_https);
    return;
  }
  const Snapshot& shared = *snapshot_->shared;
  const auto route = shared.router.match(head.authority, head.path);
  if (!route) {
    request_complete_ = end == End::last;
    fail(404, balancer::kReasonNoRoute);
    return;
  }
  route_ = &shared.routes[*route];
  if (route_->action.answers()) {
    request_complete_ = end == End::last;
    answer_by_route(head, origin.scheme);
    return;
  }
  pool_ = snapshot_->pools[route_->pool];
  http2_backend_ = pool_->traits.h2c;
  if (http2_backend_ && wants_upgrade_) {
    request_complete_ = end == End::last;
    fail(501, "upgrade_not_supported");
    return;
  }
  choose_wishes(head);
  write_request(head, origin, trusted);
  append_request_body(body, end, request_decoder_.trailers());
}

void Exchange::ask_for_slot() {
  asked_ = services_.loop.now();
  acquire(std::nullopt, 0);
}

void Exchange::write_request(const http::RequestHead& head, const RequestOrigin& origin,
                             bool trusted) {
  http::RequestFacts facts;
  facts.client_address = client_text_;
  if (ends_.client != origin.ends.client) {
    // Whom we hear from: the list that a trusted proxy has begun is continued.
    std::string& peer = services_.head_out;
    peer.clear();
    if (origin.ends.has_client()) origin.ends.client.append_to(peer);
    facts.client_address = peer;
  }
  facts.scheme = origin.scheme;
  facts.request_id = request_id_;
  if (origin.tls != nullptr) facts.client_subject = origin.tls->client_subject;
  facts.client_is_trusted = trusted;
  const RouteAction& action = route_->action;
  if (!action.request_edits().empty()) facts.edits = &action.request_edits();
  if (!action.strip_prefix().empty()) {
    const std::string_view path = action.rewrite_path(head.path, services_.route_text);
    facts.path = path;
    if (path.data() != head.path.data()) facts.path_prefix = action.strip_prefix();
  }
  request_bytes_.clear();
  http::write_request_head(head, facts, request_bytes_);
  request_head_bytes_ = request_bytes_.size();
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
  request.sticky = sticky_;
  request.hash = hash_;
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
  written_earlier_ = written_;
  const Time now = services_.loop.now();
  if (queue_time_ < Duration::zero()) queue_time_ = now - asked_;
  if (services_.access_log != nullptr) backend_text_ = slot_.backend().address();
  if (http2_backend_) {
    lend_stream(now);
  } else {
    lend_connection(now);
  }
}

void Exchange::lend_connection(Time now) {
  if (auto connection = take_live_connection()) {
    backend_ = BackendConnection::lend(std::move(connection), *this);
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

void Exchange::lend_stream(Time now) {
  phase_ = Phase::connecting;
  connect_began_ = now;
  auto lent = pool_->http2().lend(services_, slot_.backend(), *this);
  if (!lent) {
    on_backend_broken(lent.error());
    return;
  }
  backend_ = std::move(lent->stream);
  if (lent->is_connected) {
    send_request();
  } else {
    services_.exchange_connect.restart(deadline_, this, now);
  }
}

std::unique_ptr<BackendConnection> Exchange::take_live_connection() {
  if (pool_->traits.proxy_protocol != http::ProxyProtocol::none) return nullptr;
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
  std::string& lead = services_.head_out;
  lead.clear();
  http::write_proxy_header(pool_->traits.proxy_protocol, ends_, lead);
  const SendState state =
      backend_->send_request({.lead = lead,
                              .bytes = request_bytes_,
                              .head_bytes = request_head_bytes_,
                              .method = method_,
                              .end = request_complete_ ? End::last : End::more_follows,
                              .trailers = request_trailers_});
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
  if (http2_backend_) {
    request_bytes_.append(body);
    request_trailers_ = trailers;
    return;
  }
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

// While the request may have to be sent again, all of it is kept. HTTP/2 tells which requests no
// backend has begun with, and those may be sent again whatever they ask for.
bool Exchange::may_keep_request() const {
  return http::is_idempotent(method_) || (http2_backend_ && phase_ == Phase::waiting);
}

void Exchange::send_request_body(std::string_view body, End end, std::string_view trailers) {
  const size_t before = request_bytes_.size();
  if (replayable_ && (!may_keep_request() || before + body.size() > kHeldRequestBytes)) {
    replayable_ = false;
  }
  if (!replayable_) request_bytes_.clear();
  const size_t from = request_bytes_.size();
  std::string_view piece = body;
  if (!replayable_ && (http2_backend_ || request_framing_ == http::Framing::content_length)) {
    bytes_in_ += body.size();
    request_complete_ = end == End::last;
  } else {
    append_request_body(body, end, trailers);
    piece = std::string_view(request_bytes_).substr(from);
  }
  const SendState state = backend_->send(piece, end, trailers);
  if (state == SendState::failed) {
    backend_->stop_sending();  // an answer may have been given before the backend closed
    return;
  }
  if (phase_ == Phase::waiting) {
    restart_response_timer();
  } else if (phase_ == Phase::responding) {
    services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  }
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
  const SendState state = client_->send_head(edited(head), body, end, trailers);
  if (phase_ == Phase::ended) return;
  if (end == End::last) {
    complete_response(state);
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
    complete_response(state);
    return;
  }
  apply_client_state(state);
}

// The backend has done its part, whether or not the client got it.
void Exchange::complete_response(SendState state) {
  if (state == SendState::failed) {
    reason_ = "client_left";
    aborted_ = true;
  }
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
