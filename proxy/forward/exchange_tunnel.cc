// The part of an exchange after a 101: bytes pass both ways as they are.
#include <algorithm>
#include <utility>

#include "balancer/pool.h"
#include "base/text.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/worker_services.h"

namespace flaskscale::forward {
namespace {

// How long both sides have to answer a close frame, and to finish the frame that they are in.
constexpr Duration kCloseGrace = std::chrono::seconds(2);
// Tunnels end within this last part of a drain, each at another time: their clients come back, and
// should not come all at once.
constexpr double kLastPart = 1.0 / 3;

}  // namespace

void Exchange::on_switch(const http::ResponseHead& head, std::string_view bytes) {
  // Nothing of the client's is read as a tunnel's before the backend has agreed to one.
  if (!wants_upgrade_ || head.upgrade.empty() || !request_complete_ ||
      !client_->accepts_switch(head)) {
    result_ = balancer::ExchangeResult::broken;
    fail(502, "unexpected_switch");
    return;
  }
  const Time now = services_.loop.now();
  first_byte_time_ = now - sent_at_;
  phase_ = Phase::tunnel;
  status_ = head.status;
  tunnel_ = {};
  tunnel_.is_websocket = equals_ignoring_case(head.upgrade, "websocket");
  tunnel_.began = now;
  tunnel_.share = services_.random.unit();
  tunnel_.from_backend.pass(bytes);
  tunnel_.index = services_.tunnels.size();
  services_.tunnels.push_back(this);
  pool_->counters().on_tunnel_opened();
  bytes_out_ += bytes.size();
  services_.exchange_tunnel.restart(deadline_, this, now);
  apply_client_state(client_->send_switch(edited(head), bytes));
}

void Exchange::on_client_tunnelled(std::string_view bytes) {
  bytes_in_ += bytes.size();
  if (tunnel_.is_closing) {
    close_towards_backend(bytes);
    return;
  }
  if (tunnel_.is_websocket) tunnel_.from_client.pass(bytes);
  services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  send_tunnelled_to_backend(bytes);
}

void Exchange::send_tunnelled_to_backend(std::string_view bytes) {
  const SendState state = backend_->send(bytes, End::more_follows, {});
  if (state == SendState::blocked) {
    client_->set_request_flow(ClientStream::RequestFlow::paused);
  } else if (state == SendState::failed) {
    backend_->stop_sending();
  }
}

void Exchange::on_client_tunnel_end() {
  if (client_tunnel_ended_) return;
  client_tunnel_ended_ = true;
  backend_->end_tunnelled();
  close_tunnel_if_done();
}

void Exchange::on_backend_tunnelled(std::string_view bytes) {
  if (tunnel_.is_closing) {
    close_towards_client(bytes);
    return;
  }
  bytes_out_ += bytes.size();
  if (tunnel_.is_websocket) tunnel_.from_backend.pass(bytes);
  services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  apply_client_state(client_->send_tunnelled(bytes));
}

void Exchange::on_backend_tunnel_end() {
  backend_tunnel_ended_ = true;
  client_->end_tunnelled();
  close_tunnel_if_done();
}

void Exchange::close_tunnel_if_done() {
  if (client_tunnel_ended_ && backend_tunnel_ended_) finish(AfterExchange::close);
}

// --- The end that we decide on

// Where a frame ends, each side gets a close frame and nothing behind it. What it still sends is
// read for its answer and thrown away.
void Exchange::begin_tunnel_close(std::string_view reason) {
  if (phase_ != Phase::tunnel || tunnel_.is_closing) return;
  reason_ = reason;
  if (!tunnel_.is_websocket) {
    finish(AfterExchange::close);
    return;
  }
  tunnel_.is_closing = true;
  tunnel_.given_up = services_.loop.now() + kCloseGrace;
  deadline_.cancel();
  close_towards_backend({});
  close_towards_client({});
}

void Exchange::close_towards_client(std::string_view bytes) {
  const size_t rest = tunnel_.client_told ? 0 : tunnel_.from_backend.pass_rest(bytes);
  const std::string_view passed = bytes.substr(0, rest);
  bytes_out_ += passed.size();
  SendState state = passed.empty() ? SendState::sent : client_->send_tunnelled(passed);
  const bool tells = !tunnel_.client_told && tunnel_.from_backend.is_at_boundary() &&
                     state != SendState::failed && !backend_tunnel_ended_;
  if (tells) {
    tunnel_.client_told = true;
    // The backend's own will do.
    if (!tunnel_.from_backend.has_closed()) {
      state = client_->send_tunnelled(http::server_close_frame());
    }
  }
  tunnel_.from_backend.pass(bytes.substr(rest));
  apply_client_state(state);
}

void Exchange::close_towards_backend(std::string_view bytes) {
  const size_t rest = tunnel_.backend_told ? 0 : tunnel_.from_client.pass_rest(bytes);
  if (rest > 0) send_tunnelled_to_backend(bytes.substr(0, rest));
  if (!tunnel_.backend_told && tunnel_.from_client.is_at_boundary() && !client_tunnel_ended_) {
    tunnel_.backend_told = true;
    if (!tunnel_.from_client.has_closed()) {
      const auto mask = static_cast<uint32_t>(services_.random.next());
      send_tunnelled_to_backend(http::client_close_frame(mask));
    }
  }
  tunnel_.from_client.pass(bytes.substr(rest));
}

void Exchange::forget_tunnel() {
  pool_->counters().on_tunnel_closed();
  auto& tunnels = services_.tunnels;
  tunnels[tunnel_.index] = tunnels.back();
  tunnels[tunnel_.index]->tunnel_.index = tunnel_.index;
  tunnels.pop_back();
}

bool Exchange::is_due(const DrainWindow& window, Time now) const {
  if (window.end <= window.begin) return false;
  const Duration last_part =
      std::chrono::duration_cast<Duration>((window.end - window.begin) * kLastPart);
  // The last of them has its grace too, if the drain is that long.
  const Duration spread = std::max(last_part - kCloseGrace, last_part / 2);
  const Time due =
      window.end - last_part + std::chrono::duration_cast<Duration>(spread * tunnel_.share);
  return now >= due;
}

void Exchange::check_tunnel(Time now) {
  if (tunnel_.is_closing) {
    const bool answered = tunnel_.client_told && tunnel_.backend_told &&
                          tunnel_.from_client.has_closed() && tunnel_.from_backend.has_closed();
    if (answered || now >= tunnel_.given_up) finish(AfterExchange::close);
    return;
  }
  const Duration total = services_.snapshot().timeouts.tunnel_total;
  const balancer::Backend& backend = slot_.backend();
  const DrainWindow backend_drain{backend.drain_begins(), backend.drain_ends()};
  if (services_.drain_window && is_due(*services_.drain_window, now)) {
    begin_tunnel_close("drained");
  } else if (backend.life() == balancer::Life::draining && is_due(backend_drain, now)) {
    begin_tunnel_close("backend_drained");
  } else if (total > Duration::zero() && now - tunnel_.began >= total) {
    begin_tunnel_close("tunnel_total");
  }
}

// Nothing has passed for too long, in a tunnel or in the body of a response.
void Exchange::on_tunnel_timeout() {
  if (phase_ == Phase::tunnel) {
    begin_tunnel_close("tunnel_idle");
    return;
  }
  result_ = balancer::ExchangeResult::timed_out;
  fail(504, "response_body_timeout");
}

}  // namespace flaskscale::forward
