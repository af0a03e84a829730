// The part of an exchange after a 101: bytes pass both ways as they are.
#include <utility>

#include "proxy/forward/exchange.h"
#include "proxy/forward/worker_services.h"

namespace flaskscale::forward {

void Exchange::on_switch(const http::ResponseHead& head, std::string_view bytes) {
  // Nothing of the client's is read as a tunnel's before the backend has agreed to one.
  if (!wants_upgrade_ || head.upgrade.empty() || !request_complete_) {
    result_ = balancer::ExchangeResult::broken;
    fail(502, "unexpected_switch");
    return;
  }
  first_byte_time_ = services_.loop.now() - sent_at_;
  phase_ = Phase::tunnel;
  status_ = head.status;
  bytes_out_ += bytes.size();
  services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  apply_client_state(client_->send_switch(head, bytes));
}

void Exchange::on_client_tunnelled(std::string_view bytes) {
  bytes_in_ += bytes.size();
  services_.exchange_tunnel.restart(deadline_, this, services_.loop.now());
  const SendState state = backend_->send(std::span(&bytes, 1));
  if (state == SendState::blocked) {
    client_->set_request_flow(ClientStream::RequestFlow::paused);
  } else if (state == SendState::failed) {
    backend_->stop_sending();
  }
}

void Exchange::on_client_tunnel_end() {
  if (client_tunnel_ended_) return;
  client_tunnel_ended_ = true;
  backend_->end_sending();
  close_tunnel_if_done();
}

void Exchange::on_backend_tunnelled(std::string_view bytes) {
  bytes_out_ += bytes.size();
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

// Nothing has passed for too long, in a tunnel or in the body of a response.
void Exchange::on_tunnel_timeout() {
  if (phase_ == Phase::tunnel) {
    reason_ = "tunnel_idle";
    finish(AfterExchange::close);
    return;
  }
  result_ = balancer::ExchangeResult::timed_out;
  fail(504, "response_body_timeout");
}

}  // namespace flaskscale::forward
