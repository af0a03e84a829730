#include "proxy/forward/client_connection.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/worker_services.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

constexpr uint32_t kMaxLingeredBytes = 4U << 20U;

}  // namespace

ClientConnection::ClientConnection(WorkerServices& services, ClientSessionOwner& owner,
                                   ConnectionFacts facts)
    : services_(services), owner_(owner), outgoing_(services.buffers), facts_(std::move(facts)) {}

ClientConnection::~ClientConnection() { services_.buffers.give(std::move(held_)); }

void ClientConnection::open(std::unique_ptr<net::Transport> transport, std::string_view received) {
  transport_ = std::move(transport);
  services_.client_idle.restart(deadline_, static_cast<ClientSession*>(this), services_.loop.now());
  update_interest();
  if (received.empty()) return;
  hold(received.data(), received.size());
  on_held_bytes();
}

// --- Bytes from the client
// -------------------------------------------------------------------------------

void ClientConnection::on_readable() {
  if (state_ == State::closed) return;
  const IoResult result = transport_->read(services_.read_buffer);
  switch (result.status) {
    case IoResult::Status::would_block:
      return;
    case IoResult::Status::closed:
      on_peer_closed();
      return;
    case IoResult::Status::failed:
      on_peer_lost();
      return;
    case IoResult::Status::ok:
      break;
  }
  if (state_ == State::lingering) {
    lingered_bytes_ += static_cast<uint32_t>(result.bytes);
    if (lingered_bytes_ > kMaxLingeredBytes) close();
    return;
  }
  if (held_ != nullptr) {
    hold(services_.read_buffer.data(), result.bytes);
    on_held_bytes();
  } else {
    on_bytes(services_.read_buffer.data(), result.bytes);
  }
}

void ClientConnection::on_bytes(char* data, size_t size) {
  const size_t used = consume(data, size);
  if (used < size && state_ != State::lingering && state_ != State::closed) {
    hold(data + used, size - used);
  }
  // A head that is being read has its own limit.
  const bool reads_head = (state_ == State::idle || state_ == State::head) && outgoing_.empty();
  set_hold(kPipelined, !reads_head && held_ != nullptr &&
                           held_->size() > services_.snapshot().limits.header_bytes);
  if ((holds_ & kPeerClosed) != 0) end_after_peer_closed();
}

void ClientConnection::on_held_bytes() {
  // Out of the way while it is used: what is left of it is held again.
  auto bytes = std::move(held_);
  held_ = nullptr;
  on_bytes(bytes->data(), bytes->size());
  services_.buffers.give(std::move(bytes));
}

size_t ClientConnection::consume(char* data, size_t size) {
  FS_CHECK(!consuming_);
  consuming_ = true;
  size_t used = 0;
  while (used < size) {
    size_t step = 0;
    switch (state_) {
      case State::idle:
      case State::head:
        step = outgoing_.empty() ? consume_head(data + used, size - used) : 0;
        break;
      case State::body:
        step = consume_body(data + used, size - used);
        break;
      case State::tunnel:
        step = consume_tunnel(data + used, size - used);
        break;
      case State::waiting:
      case State::lingering:
      case State::closed:
        break;
    }
    if (step == 0) break;
    used += step;
  }
  consuming_ = false;
  return used;
}

size_t ClientConnection::consume_head(char* data, size_t size) {
  if (state_ == State::idle) {
    began_ = services_.loop.now();
    state_ = State::head;
    deadline_.cancel();
  }
  const auto& limits = services_.snapshot().limits;
  const http::HeadLimits head_limits{limits.header_bytes, limits.headers, limits.uri_bytes};
  const auto outcome = parser_.parse({data, size}, head_limits, services_.request_head);
  if (const auto* complete = std::get_if<http::HeadComplete>(&outcome)) {
    return begin_exchange(data, size, complete->head_bytes);
  }
  if (const auto* bad = std::get_if<http::Malformed>(&outcome)) {
    refuse(bad->status, bad->reason, {data, size});
    return 0;
  }
  if (!deadline_.is_armed())
    services_.client_header.restart(deadline_, static_cast<ClientSession*>(this), began_);
  return 0;
}

size_t ClientConnection::begin_exchange(char* data, size_t size, size_t head_bytes) {
  const http::RequestHead& head = services_.request_head;
  version_ = head.version;
  keep_alive_ = head.keep_alive;
  if (refuse_declared_body(head)) return 0;

  deadline_.cancel();
  exchange_ = services_.take_exchange();
  auto& decoder = exchange_->request_decoder();
  decoder.start(head.framing, head.content_length, services_.snapshot().limits.body_bytes);
  const auto decoded = decoder.decode(data + head_bytes, size - head_bytes);
  if (!decoded) {
    // The request never began: it is answered like a malformed head.
    services_.give_exchange(std::exchange(exchange_, nullptr));
    refuse(decoded.error().code == ErrorCode::too_large ? 413 : 400,
           decoded.error().code == ErrorCode::too_large ? "body_too_large" : "bad_chunk");
    return 0;
  }
  state_ = decoded->complete ? State::waiting : State::body;
  if (state_ == State::body) restart_timer();
  RequestOrigin origin;
  origin.ends = facts_.ends;
  origin.listener = &services_.snapshot().listeners[facts_.listener];
  origin.tls = facts_.tls.get();
  origin.scheme = facts_.scheme();
  origin.protocol = version_ == http::Version::http11 ? "HTTP/1.1" : "HTTP/1.0";
  origin.began = began_;
  origin.head_bytes = head_bytes;
  exchange_->start(*this, origin, head, {data + head_bytes, decoded->produced},
                   decoded->complete ? End::last : End::more_follows);
  if (exchange_ != nullptr) exchange_->ask_for_slot();
  return head_bytes + decoded->consumed;
}

// A body that is announced as too large is refused before a byte of it is read.
bool ClientConnection::refuse_declared_body(const http::RequestHead& head) {
  const uint64_t limit = services_.snapshot().limits.body_bytes;
  if (head.framing != http::Framing::content_length || limit == 0 || head.content_length <= limit) {
    return false;
  }
  refuse(413, "body_too_large");
  return true;
}

size_t ClientConnection::consume_body(char* data, size_t size) {
  if ((holds_ & kFlow) != 0) return 0;
  auto& decoder = exchange_->request_decoder();
  const auto decoded = decoder.decode(data, size);
  if (!decoded) {
    request_body_broken(decoded.error());
    return 0;
  }
  if (decoded->complete) {
    state_ = State::waiting;
    if (outgoing_.empty()) {
      deadline_.cancel();
    } else {
      restart_timer();  // the response waits for its client
    }
  } else {
    restart_timer();
  }
  exchange_->on_request_body({data, decoded->produced},
                             decoded->complete ? End::last : End::more_follows, decoder.trailers());
  return decoded->consumed;
}

void ClientConnection::request_body_broken(const Error& error) {
  const bool too_large = error.code == ErrorCode::too_large;
  exchange_->on_request_broken(too_large ? 413 : 400, too_large ? "body_too_large" : "bad_chunk");
}

size_t ClientConnection::consume_tunnel(const char* data, size_t size) {
  if ((holds_ & kFlow) != 0) return 0;
  exchange_->on_client_tunnelled({data, size});
  return size;
}

void ClientConnection::on_peer_closed() {
  set_hold(kPeerClosed, true);
  end_after_peer_closed();
}

// The client sends no more: what can't be completed ends here.
void ClientConnection::end_after_peer_closed() {
  switch (state_) {
    case State::idle:
    case State::head:
    case State::lingering:
      if (outgoing_.empty()) {
        close();
      } else if (held_ == nullptr) {
        close_when_sent_ = true;
      }
      return;
    case State::body:
      // Half a request: whatever the backend says to it, nobody can read it as an answer to the
      // whole.
      if (held_ == nullptr) exchange_->on_client_lost("client_left");
      return;
    case State::waiting:
      exchange_->on_client_closed();
      return;
    case State::tunnel:
      if (held_ == nullptr) exchange_->on_client_tunnel_end();
      return;
    case State::closed:
      return;
  }
}

void ClientConnection::on_peer_lost() {
  if (exchange_ != nullptr) {
    exchange_->on_client_lost("client_left");
  } else {
    close();
  }
}

void ClientConnection::on_writable() {
  if (state_ == State::closed) return;
  const size_t before = outgoing_.held_bytes();
  const SendState state = outgoing_.flush(*transport_);
  if (state == SendState::failed) {
    on_peer_lost();
    return;
  }
  if (outgoing_.held_bytes() < before) restart_timer();
  if (state == SendState::blocked) return;
  update_interest();
  if (close_when_sent_) {
    close();
    return;
  }
  if (std::exchange(shut_down_when_sent_, false)) transport_->shut_down_writing();
  if (exchange_ != nullptr) {
    if (state_ != State::body) deadline_.cancel();
    exchange_->on_client_drained();
  } else if (state_ == State::idle) {
    restart_timer();
    if (held_ != nullptr) on_held_bytes();
  }
}

void ClientConnection::on_timeout() {
  switch (state_) {
    case State::idle:
      close();
      return;  // or it does not take the rest of its response
    case State::head:
      refuse(408, "header_timeout");
      return;
    case State::body:
      if (outgoing_.empty() && (holds_ & kFlow) == 0) {
        exchange_->on_request_broken(408, "body_timeout");
        return;
      }
      if (outgoing_.empty()) return;  // the backend is slow, not the client
      [[fallthrough]];
    case State::waiting:
    case State::tunnel:
      exchange_->on_client_lost("client_stalled");
      return;
    case State::lingering:
      close();
      return;
    case State::closed:
      return;
  }
}

void ClientConnection::on_drain() {
  keep_alive_ = false;
  if (state_ != State::idle) return;
  if (!outgoing_.empty()) {
    close_when_sent_ = true;
  } else if (transport_->is_quiet()) {
    close();  // else its request is already there, and is served before the end
  }
}

void ClientConnection::on_shutdown() {
  if (state_ == State::closed) return;
  if (exchange_ != nullptr) exchange_->on_shutdown();
  if (state_ != State::closed) close();
}

// --- State
// -------------------------------------------------------------------------------------------------

void ClientConnection::hold(const char* data, size_t size) {
  if (held_ == nullptr) held_ = services_.buffers.take();
  held_->append(data, size);
}

void ClientConnection::set_hold(Hold reason, bool on) {
  const uint8_t before = holds_;
  holds_ = static_cast<uint8_t>(on ? holds_ | reason : holds_ & ~reason);
  if (holds_ != before) update_interest();
}

void ClientConnection::update_interest() {
  if (state_ == State::closed) return;
  const unsigned readable = holds_ == 0 ? 1U : 0U;
  const unsigned writable = outgoing_.empty() ? 0U : 2U;
  transport_->watch(static_cast<Interest>(readable | writable));
}

void ClientConnection::restart_timer() {
  const Time now = services_.loop.now();
  if (state_ == State::lingering && outgoing_.empty()) {
    services_.client_linger.restart(deadline_, static_cast<ClientSession*>(this), now);
  } else if (state_ == State::idle && outgoing_.empty()) {
    services_.client_idle.restart(deadline_, static_cast<ClientSession*>(this), now);
  } else {
    services_.client_body.restart(deadline_, static_cast<ClientSession*>(this), now);
  }
}

void ClientConnection::set_request_flow(RequestFlow flow) {
  const bool was_held = (holds_ & kFlow) != 0;
  set_hold(kFlow, flow == RequestFlow::paused);
  if (flow == RequestFlow::paused || !was_held) return;
  if (state_ == State::body) restart_timer();
  // Bytes that came with the ones that filled the pipe; inside consume() its loop goes on with
  // them.
  if (held_ != nullptr && !consuming_) on_held_bytes();
}

void ClientConnection::on_exchange_end(AfterExchange after) {
  exchange_ = nullptr;
  if (after == AfterExchange::cut || broken_) {
    transport_->abort();
    close();
    return;
  }
  const bool request_was_read = state_ == State::waiting;
  if (after == AfterExchange::close || !keep_alive_ || services_.draining || !request_was_read) {
    if (request_was_read && held_ == nullptr) {
      close_when_sent_ = true;
      if (outgoing_.empty()) {
        close();
        return;
      }
    }
    linger();
    return;
  }
  become_idle();
}

void ClientConnection::become_idle() {
  state_ = State::idle;
  holds_ = static_cast<uint8_t>(holds_ & ~kFlow);  // on_bytes() looks at the other again
  update_interest();
  restart_timer();
  if (consuming_) return;
  if (held_ != nullptr) {
    if (outgoing_.empty()) on_held_bytes();
  } else if ((holds_ & kPeerClosed) != 0) {
    close_when_sent_ = true;
    if (outgoing_.empty()) close();
  }
}

// The client may still be sending. Closing now would answer its bytes with a reset, which destroys
// what it has not read of our answer; so the sending side is closed and its bytes are read away for
// a while (RFC 9112 section 9.6).
void ClientConnection::linger() {
  state_ = State::lingering;
  services_.buffers.give(std::move(held_));
  held_ = nullptr;
  if ((holds_ & kPeerClosed) != 0) close_when_sent_ = true;
  if (outgoing_.empty()) {
    if (close_when_sent_) {
      close();
      return;
    }
    transport_->shut_down_writing();
  } else {
    shut_down_when_sent_ = true;
  }
  holds_ = static_cast<uint8_t>(holds_ & ~(kFlow | kPipelined));
  update_interest();
  restart_timer();
}

void ClientConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  deadline_.cancel();
  // To a client that reads until the connection ends, an ordinary close would pass a part off as
  // the whole.
  if (!outgoing_.empty()) transport_->abort();
  transport_.reset();
  owner_.on_session_closed(*this);
}

}  // namespace flaskscale::forward
