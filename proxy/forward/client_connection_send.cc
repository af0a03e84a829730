// The sending half of a client connection: heads written anew, bodies framed, answers of our own.
#include <algorithm>
#include <array>
#include <utility>

#include "balancer/exchange_record.h"
#include "base/text.h"
#include "proxy/forward/client_connection.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/worker_services.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::forward {

using http::ClientConnectionAfter;
using http::Framing;

namespace {

// The Accept value in a head that was not understood as a whole; good enough for the form of an
// error.
std::string_view accept_of(std::string_view head) {
  size_t line = head.find('\n');
  while (line != std::string_view::npos) {
    constexpr std::string_view kName = "accept:";
    const std::string_view rest = head.substr(line + 1);
    if (equals_ignoring_case(rest.substr(0, kName.size()), kName)) {
      const std::string_view value =
          rest.substr(kName.size(), rest.find_first_of("\r\n") - kName.size());
      return value.substr(std::min(value.find_first_not_of(' '), value.size()));
    }
    line = head.find('\n', line + 1);
  }
  return {};
}

}  // namespace

SendState ClientConnection::sent(SendState state) {
  if (state == SendState::blocked) {
    update_interest();
    if (!deadline_.is_armed()) restart_timer();
  }
  if (state == SendState::failed) broken_ = true;
  return state;
}

// Known when the head is written. A client whose request has not been read to its end when its
// response is complete can't be kept; while the response still runs, the request may end in time.
ClientConnectionAfter ClientConnection::after_this_response(End response_end) const {
  const bool request_may_end = state_ == State::waiting || response_end == End::more_follows;
  const bool keep = keep_alive_ && !services_.draining && request_may_end;
  return keep ? ClientConnectionAfter::keep : ClientConnectionAfter::close;
}

SendState ClientConnection::send_informational(const http::ResponseHead& head) {
  std::string& out = services_.head_out;
  out.clear();
  http::write_response_head(head, Framing::none, version_, ClientConnectionAfter::keep, {}, out);
  return sent(outgoing_.send(*transport_, out));
}

SendState ClientConnection::send_head(const http::ResponseHead& head, std::string_view body,
                                      End end, std::string_view trailers) {
  response_framing_ = head.framing;
  ClientConnectionAfter after = after_this_response(end);
  if (head.framing == Framing::until_close || head.framing == Framing::chunked) {
    response_framing_ = version_ == http::Version::http11 ? Framing::chunked : Framing::until_close;
  }
  if (response_framing_ == Framing::until_close) {
    after = ClientConnectionAfter::close;
  }
  if (after == ClientConnectionAfter::close) keep_alive_ = false;
  std::string& out = services_.head_out;
  out.clear();
  http::write_response_head(head, response_framing_, version_, after, exchange_->request_id(), out);
  exchange_->count_sent(out.size());
  if (response_framing_ != Framing::chunked) {
    const std::array<std::string_view, 2> parts{out, body};
    return sent(outgoing_.send(*transport_, parts));
  }
  return send_chunk(body, end, trailers);
}

// Sends what head_out holds, then the body as one chunk, then the end if it is the last.
SendState ClientConnection::send_chunk(std::string_view body, End end, std::string_view trailers) {
  std::string& out = services_.head_out;
  if (!body.empty()) http::append_chunk_size(body.size(), out);
  const size_t before_body = out.size();
  if (!body.empty()) out.append("\r\n");
  if (end == End::last) out.append("0\r\n").append(trailers).append("\r\n");
  const std::string_view lead = std::string_view(out).substr(0, before_body);
  const std::string_view tail = std::string_view(out).substr(before_body);
  const std::array<std::string_view, 3> parts{lead, body, tail};
  return sent(outgoing_.send(*transport_, parts));
}

SendState ClientConnection::send_body(std::string_view body, End end, std::string_view trailers) {
  if (response_framing_ != Framing::chunked) return sent(outgoing_.send(*transport_, body));
  services_.head_out.clear();
  return send_chunk(body, end, trailers);
}

SendState ClientConnection::send_switch(const http::ResponseHead& head, std::string_view bytes) {
  state_ = State::tunnel;
  keep_alive_ = false;
  std::string& out = services_.head_out;
  out.clear();
  http::write_response_head(head, Framing::none, version_, ClientConnectionAfter::keep,
                            exchange_->request_id(), out);
  exchange_->count_sent(out.size());
  const std::array<std::string_view, 2> parts{out, bytes};
  const SendState state = sent(outgoing_.send(*transport_, parts));
  set_hold(kPipelined, false);
  // What the client sent ahead of the switch is the tunnel's.
  if (state != SendState::failed && held_ != nullptr) on_held_bytes();
  // It may have closed its side while it waited for the switch.
  if (state != SendState::failed && exchange_ != nullptr && held_ == nullptr &&
      (holds_ & kPeerClosed) != 0) {
    exchange_->on_client_tunnel_end();
  }
  return state;
}

SendState ClientConnection::send_tunnelled(std::string_view bytes) {
  return sent(outgoing_.send(*transport_, bytes));
}

void ClientConnection::end_tunnelled() {
  if (outgoing_.empty()) {
    transport_->shut_down_writing();
  } else {
    shut_down_when_sent_ = true;
  }
}

size_t ClientConnection::send_own_answer(http::OwnAnswer answer) {
  answer.date = services_.http_date();
  answer.client_version = version_;
  if (after_this_response(End::last) == ClientConnectionAfter::close)
    answer.after = ClientConnectionAfter::close;
  if (answer.after == ClientConnectionAfter::close) keep_alive_ = false;
  std::string& out = services_.head_out;
  out.clear();
  http::write_own_answer(answer, out);
  static_cast<void>(sent(outgoing_.send(*transport_, out)));
  return out.size();
}

// The request never became an exchange: malformed, too late or too large to begin with.
void ClientConnection::refuse(uint16_t status, std::string_view reason, std::string_view received) {
  const Time now = services_.loop.now();
  http::OwnAnswer answer;
  answer.status = status;
  answer.reason = reason;
  answer.request_id = services_.new_request_id();
  answer.wants_json = http::prefers_json(accept_of(received));
  answer.after = ClientConnectionAfter::close;
  keep_alive_ = false;
  deadline_.cancel();
  const size_t bytes = send_own_answer(answer);

  std::string client;
  if (facts_.ends.has_client()) facts_.ends.client.append_to(client);
  balancer::ExchangeRecord record;
  record.started_ms = services_.wall_ms(began_);
  record.client = client;
  record.request_id = answer.request_id;
  record.reason = reason;
  record.status = status;
  record.bytes_out = bytes;
  record.total = now - began_;
  services_.counters.record_without_pool(record);
  if (services_.access_log != nullptr) services_.access_log->on_exchange(record);
  if (broken_) {
    close();
  } else {
    linger();
  }
}

}  // namespace flaskscale::forward
