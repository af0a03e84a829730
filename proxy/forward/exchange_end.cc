// How an exchange ends: failures, retries, and finish(), the only exit.
#include <utility>

#include "balancer/pool.h"
#include "base/check.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/worker_services.h"
#include "proxy/http/grpc_status.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::forward {
namespace {

using balancer::ExchangeResult;

constexpr uint16_t kMaxRetries = 3;

}  // namespace

void Exchange::on_request_broken(uint16_t status, std::string_view reason) {
  result_ = ExchangeResult::client_left;
  fail(status, reason);
}

void Exchange::on_client_closed() {
  client_closed_ = true;
  if (phase_ == Phase::queued) on_client_lost("client_left");
}

void Exchange::on_client_lost(std::string_view reason) {
  if (phase_ == Phase::ended) return;
  result_ = ExchangeResult::client_left;
  reason_ = reason;
  aborted_ = status_ != 0;
  finish(AfterExchange::cut);
}

void Exchange::on_shutdown() {
  if (phase_ == Phase::ended) return;
  result_ = ExchangeResult::client_left;
  fail(503, "shutting_down", 1);
}

void Exchange::on_connect_timeout() {
  on_backend_broken(Error{ErrorCode::connect_timed_out, Origin::backend, Retry::always, "connect"});
}

void Exchange::on_response_timeout() {
  result_ = ExchangeResult::timed_out;
  fail(504, "response_timeout");
}

void Exchange::on_backend_broken(const Error& error) {
  if (error.code == ErrorCode::unavailable) {
    result_ = ExchangeResult::client_left;  // not the backend's fault
    fail(503, "out_of_descriptors", 1);
    return;
  }
  if (error.retry == Retry::always) written_ = written_earlier_;  // this try was not begun with
  const bool connecting = phase_ == Phase::connecting || error.code == ErrorCode::resolve_failed;
  result_ = connecting ? ExchangeResult::connect_failed : ExchangeResult::broken;
  // A backend may close a connection that rests at any time, also just as it is used again.
  // One that takes no more requests on a connection is not ill either.
  const bool unlucky =
      backend_ != nullptr && backend_->is_reused() && !backend_->received_anything();
  if (unlucky || error.code == ErrorCode::cancelled) result_ = ExchangeResult::client_left;
  if (may_try_again(error) && begin_retry()) {
    try_again();
    return;
  }
  if (error.code == ErrorCode::connect_timed_out) {
    fail(504, "connect_timeout");
  } else if (connecting) {
    fail(502, "connect_failed");
  } else if (error.code == ErrorCode::cancelled) {
    fail(503, "backend_refused", 1);
  } else if (error.code == ErrorCode::bad_message) {
    fail(502, "bad_response");
  } else {
    fail(502, "backend_closed");
  }
}

bool Exchange::may_try_again(const Error& error) const {
  if (status_ != 0 || retries_ >= kMaxRetries || services_.draining) return false;
  if (backend_ != nullptr && backend_->received_anything()) return false;
  if (error.code == ErrorCode::bad_message) return false;
  if (!replayable_) return false;
  return !written_ || http::is_idempotent(method_);
}

// What the last try counted against the budget is given back before the next one asks. A request
// that no backend has seen costs none of them anything: it needs no budget, only another backend.
bool Exchange::begin_retry() {
  if (std::exchange(retrying_, false)) pool_->pool().end_retry();
  if (!written_) return true;
  retrying_ = pool_->pool().try_begin_retry();
  return retrying_;
}

// The first retry goes out at once. When that failed too, the only free slots may be those of a
// backend that is just dying: it, or who sees it die, is given a moment.
void Exchange::try_again() {
  ++retries_;
  failed_backend_ = slot_.backend().id();
  pool_->pool().report(slot_.backend(), result_, services_.loop.now());
  result_ = ExchangeResult::ok;
  deadline_.cancel();
  backend_.reset();
  { const balancer::Slot freed = std::move(slot_); }
  phase_ = Phase::queued;
  if (client_closed_) {
    on_client_lost("client_left");
  } else if (retries_ > 1) {
    services_.exchange_pause.restart(deadline_, this, services_.loop.now());
  } else {
    acquire(asked_, failed_backend_);
  }
}

void Exchange::on_pause_end() { acquire(asked_, failed_backend_); }

// An answer of our own if that is still possible; else the client must see that the response broke
// off.
void Exchange::fail(uint16_t status, std::string_view reason, uint32_t retry_after_s) {
  reason_ = reason;
  if (status_ != 0) {
    break_off(status);
    return;
  }
  status_ = status;
  http::OwnAnswer answer;
  answer.status = status;
  answer.reason = reason;
  answer.retry_after_s = retry_after_s;
  answer.wants_json = wants_json_;
  answer.is_grpc = is_grpc_;
  answer.request_id = request_id_;
  answer.head_only = method_ == http::Method::head;
  if (route_ != nullptr) answer.edits = &route_->action.response_edits();
  const bool client_is_whole = request_complete_;
  answer.after =
      client_is_whole ? http::ClientConnectionAfter::keep : http::ClientConnectionAfter::close;
  bytes_out_ += client_->send_own_answer(answer);
  finish(client_is_whole ? AfterExchange::keep : AfterExchange::close);
}

// A client of gRPC hears why: a reset stream would read as a fault of this proxy.
void Exchange::break_off(uint16_t status) {
  aborted_ = true;
  if (is_grpc_ && phase_ == Phase::responding) {
    std::string trailers;
    http::append_grpc_status(status, reason_, trailers);
    if (client_->send_body({}, End::last, trailers) != SendState::failed) {
      finish(AfterExchange::close);
      return;
    }
  }
  finish(AfterExchange::cut);
}

void Exchange::release_backend(bool reusable_wanted) {
  if (backend_ == nullptr) return;
  // A PROXY header speaks for one client.
  const bool shared = pool_->traits.proxy_protocol == http::ProxyProtocol::none;
  auto after = BackendStream::After::discard;
  if (slot_.backend().limit() == 0 || services_.draining) {
    after = BackendStream::After::retire;
  } else if (reusable_wanted && shared) {
    after = BackendStream::After::keep;
  }
  backend_.release()->release(after);
}

void Exchange::finish(AfterExchange after) {
  FS_CHECK(phase_ != Phase::ended && phase_ != Phase::unused);
  const Time now = services_.loop.now();
  if (phase_ == Phase::tunnel) forget_tunnel();
  phase_ = Phase::ended;
  deadline_.cancel();
  if (ticket_ != nullptr) {
    queue_time_ = now - asked_;
    pool_->pool().leave(ticket_, balancer::Pool::Leave::client_left, now);
    ticket_.reset();
  }
  release_backend(request_complete_);
  if (slot_) {
    pool_->pool().report(slot_.backend(), result_, now);
    slot_.finish(now);
  }
  if (retrying_) pool_->pool().end_retry();
  record(now);
  --snapshot_->uses;
  ClientStream* const client = client_;
  services_.give_exchange(this);
  client->on_exchange_end(after);
}

void Exchange::record(Time now) {
  balancer::ExchangeRecord record;
  record.started_ms = services_.wall_ms(began_);
  record.client = client_text_;
  record.method = method_text_;
  record.host = host_;
  record.path = path_;
  record.protocol = protocol_;
  if (pool_ != nullptr) record.pool = pool_->pool().name();
  record.backend = backend_text_;
  record.request_id = request_id_;
  record.user_agent = user_agent_;
  record.referer = referer_;
  record.reason = reason_;
  record.status = status_;
  record.aborted = aborted_;
  record.intended = intended_;
  record.tunnel = status_ == 101;
  record.retries = retries_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.queue = queue_time_;
  record.connect = connect_time_;
  record.first_byte = first_byte_time_;
  record.total = now - began_;
  if (pool_ != nullptr) {
    pool_->counters().record(record);
  } else {
    services_.counters.record_without_pool(record);
  }
  if (services_.access_log != nullptr) services_.access_log->on_exchange(record);
}

void Exchange::reset() {
  FS_CHECK(ticket_ == nullptr && backend_ == nullptr && !slot_);
  constexpr size_t kKeptCapacity = 8U << 10U;
  for (std::string* text :
       {&request_bytes_, &request_trailers_, &request_id_, &client_text_, &method_text_, &host_,
        &path_, &user_agent_, &referer_, &backend_text_}) {
    text->clear();
    if (text->capacity() > kKeptCapacity) text->shrink_to_fit();
  }
  client_ = nullptr;
  snapshot_ = nullptr;
  pool_ = nullptr;
  phase_ = Phase::unused;
  route_ = nullptr;
  sticky_.reset();
  hash_.reset();
  intended_ = secure_ = http2_backend_ = is_grpc_ = written_earlier_ = false;
  request_head_bytes_ = 0;
  request_complete_ = wants_upgrade_ = written_ = retrying_ = aborted_ = client_closed_ = false;
  client_tunnel_ended_ = backend_tunnel_ended_ = false;
  replayable_ = true;
  retries_ = status_ = 0;
  result_ = ExchangeResult::ok;
  reason_ = balancer::kReasonOk;
  queue_time_ = connect_time_ = first_byte_time_ = balancer::kNotMeasured;
  bytes_in_ = bytes_out_ = 0;
}

}  // namespace flaskscale::forward
