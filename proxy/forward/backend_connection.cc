#include "proxy/forward/backend_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "proxy/forward/exchange.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/worker_services.h"
#include "proxy/net/socket_transport.h"
#include "proxy/net/tls_transport.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

Error backend_error(ErrorCode code, std::string detail) {
  return Error{code, Origin::backend, Retry::never, std::move(detail)};
}

}  // namespace

BackendConnection::BackendConnection(WorkerServices& services, LocalPool& pool, uint64_t backend_id)
    : services_(services), pool_(pool), backend_id_(backend_id), outgoing_(services.buffers) {}

BackendConnection::~BackendConnection() { services_.buffers.give(std::move(held_)); }

Result<BackendLoan> BackendConnection::open(WorkerServices& services, LocalPool& pool,
                                            balancer::Backend& backend, Exchange& exchange) {
  const auto address = services.address_book.find(backend.address());
  if (!address) return address.error();
  auto connection = std::make_unique<BackendConnection>(services, pool, backend.id());
  connection->exchange_ = &exchange;
  auto transport = net::SocketTransport::connect(services.loop, *address, *connection);
  if (!transport) return std::move(transport).error();
  connection->transport_ = *std::move(transport);
  if (const auto& tls = pool.traits.tls) {
    connection->transport_ = std::make_unique<net::TlsTransport>(
        services.tls_io, std::move(connection->transport_), tls->new_connection(backend.address()),
        tls, *connection);
  }
  return BackendLoan(connection.release());
}

void BackendConnection::discard(std::unique_ptr<BackendConnection> connection) {
  if (!connection) return;
  connection->exchange_ = nullptr;
  connection->phase_ = Phase::closed;
  connection->idle_since.cancel();
  connection->transport_.reset();
  net::EventLoop& loop = connection->services_.loop;
  loop.retire(std::move(connection));
}

BackendLoan BackendConnection::lend(std::unique_ptr<BackendConnection> connection,
                                    Exchange& exchange) {
  connection->exchange_ = &exchange;
  connection->reused_ = true;
  connection->received_anything_ = false;
  connection->idle_since.cancel();
  return BackendLoan(connection.release());
}

void BackendConnection::release(After after) {
  std::unique_ptr<BackendConnection> self(this);
  const bool reusable = take_back();
  if (reusable && after == After::keep) {
    pool_.keep_idle(std::move(self), services_.loop.now());
  } else {
    discard(std::move(self));
  }
}

// True if the connection may serve another request.
bool BackendConnection::take_back() {
  exchange_ = nullptr;
  const bool reusable = phase_ == Phase::done && keep_alive_ && !write_broken_ &&
                        outgoing_.empty() && held_ == nullptr;
  if (reusable) {
    phase_ = Phase::idle;
    resume_reading();
  }
  return reusable;
}

SendState BackendConnection::send_request(const Request& request) {
  method_ = request.method;
  phase_ = Phase::head;
  parser_.reset();
  const std::array<std::string_view, 2> parts{request.lead, request.bytes};
  return sent(outgoing_.send(*transport_, parts));
}

void BackendConnection::stop_sending() {
  outgoing_.drop();
  end_after_flush_ = false;
  keep_alive_ = false;
  write_broken_ = true;
  update_interest();
}

SendState BackendConnection::send(std::string_view bytes, End /*end*/,
                                  std::string_view /*trailers*/) {
  if (write_broken_) return SendState::sent;
  return sent(outgoing_.send(*transport_, bytes));
}

SendState BackendConnection::sent(SendState state) {
  if (state == SendState::blocked) update_interest();
  return state;
}

void BackendConnection::end_tunnelled() {
  if (outgoing_.empty()) {
    transport_->shut_down_writing();
  } else {
    end_after_flush_ = true;
  }
}

void BackendConnection::pause_reading() {
  read_paused_ = true;
  update_interest();
}

void BackendConnection::resume_reading() {
  if (!std::exchange(read_paused_, false)) return;
  update_interest();
}

void BackendConnection::update_interest() {
  const unsigned readable = read_paused_ ? 0U : 1U;
  const unsigned writable = outgoing_.empty() && phase_ != Phase::connecting ? 0U : 2U;
  transport_->watch(static_cast<Interest>(phase_ == Phase::connecting ? 2U : readable | writable));
}

void BackendConnection::on_writable() {
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::connecting) {
    const int error_number = transport_->connect_result();
    if (error_number == EINPROGRESS) return;
    if (error_number != 0) {
      Error error = error_from_errno(error_number, "connect");
      broken(backend_error(ErrorCode::connect_failed, std::move(error.detail)));
      return;
    }
    phase_ = Phase::idle;
    update_interest();
    exchange_->on_connected();
    return;
  }
  const SendState state = outgoing_.flush(*transport_);
  if (state == SendState::blocked) return;
  if (state == SendState::failed) stop_sending();
  update_interest();
  if (std::exchange(end_after_flush_, false)) transport_->shut_down_writing();
  if (exchange_ != nullptr) exchange_->on_backend_drained();
}

void BackendConnection::on_readable() {
  if (phase_ == Phase::closed || phase_ == Phase::connecting) return;
  std::span<char> into = services_.read_buffer;
  if (exchange_ != nullptr) into = into.first(std::min(into.size(), exchange_->client_room()));
  const IoResult result = transport_->read(into);
  switch (result.status) {
    case IoResult::Status::would_block:
      return;
    case IoResult::Status::closed:
      on_peer_closed();
      return;
    case IoResult::Status::failed:
      broken(backend_error(ErrorCode::closed_by_peer,
                           error_from_errno(result.error_number, "read from the backend").detail));
      return;
    case IoResult::Status::ok:
      on_bytes(services_.read_buffer.data(), result.bytes);
      return;
  }
}

void BackendConnection::on_bytes(char* data, size_t size) {
  received_anything_ = true;
  switch (phase_) {
    case Phase::head:
      if (held_ != nullptr) {
        hold(data, size);
        auto whole = std::move(held_);
        on_head_bytes(whole->data(), whole->size());
        services_.buffers.give(std::move(whole));
      } else {
        on_head_bytes(data, size);
      }
      return;
    case Phase::body:
      on_body_bytes(data, size);
      return;
    case Phase::tunnel:
      exchange_->on_backend_tunnelled({data, size});
      return;
    case Phase::done:  // more than the response: nobody can say what it belongs to
      keep_alive_ = false;
      return;
    case Phase::idle:
      broken(backend_error(ErrorCode::bad_message, "bytes that no request asked for"));
      return;
    case Phase::connecting:
    case Phase::closed:
      return;
  }
}

void BackendConnection::on_head_bytes(char* data, size_t size) {
  const auto& limits = services_.snapshot().limits;
  const http::HeadLimits head_limits{limits.header_bytes, limits.headers, limits.uri_bytes};
  size_t used = 0;
  while (phase_ == Phase::head) {
    auto& head = services_.response_head;
    const auto outcome = parser_.parse({data + used, size - used}, head_limits, method_, head);
    if (std::holds_alternative<http::NeedMore>(outcome)) {
      if (used < size) hold(data + used, size - used);
      return;
    }
    if (const auto* bad = std::get_if<http::Malformed>(&outcome)) {
      broken(backend_error(ErrorCode::bad_message, std::string(bad->reason)));
      return;
    }
    used += std::get<http::HeadComplete>(outcome).head_bytes;
    if (head.status == 101) {
      phase_ = Phase::tunnel;
      exchange_->on_switch(head, {data + used, size - used});
      return;
    }
    if (head.status < 200) {
      exchange_->on_informational(head);
      if (phase_ == Phase::closed) return;
      if (used == size) return;
      continue;
    }
    on_final_head(head, data + used, size - used);
    return;
  }
}

void BackendConnection::on_final_head(const http::ResponseHead& head, char* data, size_t size) {
  keep_alive_ = head.keep_alive && head.framing != http::Framing::until_close;
  decoder_.start(head.framing, head.content_length, 0);
  phase_ = Phase::body;
  const auto decoded = decoder_.decode(data, size);
  if (!decoded) {
    broken(backend_error(ErrorCode::bad_message, decoded.error().detail));
    return;
  }
  if (decoded->consumed < size) keep_alive_ = false;
  if (decoded->complete) phase_ = Phase::done;
  exchange_->on_response(head, {data, decoded->produced},
                         decoded->complete ? End::last : End::more_follows, decoder_.trailers());
}

void BackendConnection::on_body_bytes(char* data, size_t size) {
  auto decoded = decoder_.decode(data, size);
  if (!decoded) {
    broken(backend_error(ErrorCode::bad_message, decoded.error().detail));
    return;
  }
  if (decoded->consumed < size) keep_alive_ = false;
  if (decoded->complete) phase_ = Phase::done;
  exchange_->on_response_body({data, decoded->produced},
                              decoded->complete ? End::last : End::more_follows,
                              decoder_.trailers());
}

void BackendConnection::on_peer_closed() {
  if (phase_ == Phase::tunnel) {
    read_paused_ = true;
    update_interest();
    exchange_->on_backend_tunnel_end();
    return;
  }
  if (phase_ == Phase::body && decoder_.finish().has_value()) {
    phase_ = Phase::done;
    keep_alive_ = false;
    exchange_->on_response_body({}, End::last, {});
    return;
  }
  if (phase_ == Phase::done) {  // the response was whole; the exchange still sends it on
    keep_alive_ = false;
    read_paused_ = true;
    update_interest();
    return;
  }
  broken(backend_error(ErrorCode::closed_by_peer, "the backend closed the connection"));
}

void BackendConnection::broken(const Error& error) {
  if (exchange_ == nullptr) {
    pool_.drop_idle(*this);
    return;
  }
  exchange_->on_backend_broken(error);
}

void BackendConnection::hold(const char* data, size_t size) {
  if (held_ == nullptr) held_ = services_.buffers.take();
  held_->append(data, size);
}

}  // namespace flaskscale::forward
