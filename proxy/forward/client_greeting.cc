#include "proxy/forward/client_greeting.h"

#include <utility>

#include "balancer/exchange_record.h"
#include "proxy/forward/client_connection.h"
#include "proxy/forward/http2_connection.h"
#include "proxy/forward/worker_services.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 79\r\n"
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
    "\r\n"
    "This port speaks HTTPS, and the request came in plain HTTP. Ask with https://.\n";

// A TLS record begins with its type, a small number; a request with a letter of its method.
bool looks_like_http(char first) {
  return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
}

}  // namespace

ClientGreeting::ClientGreeting(WorkerServices& services, ClientSessionOwner& owner,
                               ConnectionFacts facts)
    : services_(services), owner_(owner), facts_(std::move(facts)) {}

ClientGreeting::~ClientGreeting() {
  if (waits_for_turn_) services_.handshakes.forget(*this);
}

void ClientGreeting::open(std::unique_ptr<net::Transport> transport, std::string_view received) {
  transport_ = std::move(transport);
  began_ = services_.loop.now();
  const ListenerEntry& listener = services_.snapshot().listeners[facts_.listener];
  if (listener.proxy_protocol && listener.trusts(facts_.ends.client)) state_ = State::proxy_header;
  restart_timer();
  transport_->watch(Interest::readable);
  if (!received.empty()) on_bytes(received);
}

void ClientGreeting::restart_timer() {
  const Time now = services_.loop.now();
  if (state_ == State::lingering) {
    services_.client_linger.restart(deadline_, static_cast<ClientSession*>(this), now);
    return;
  }
  const bool secure = services_.snapshot().listeners[facts_.listener].tls != nullptr;
  // A browser that connects ahead of its first request is welcome to be silent for a while.
  const bool may_be_silent = state_ == State::first_bytes && !secure && held_.empty();
  TimeoutList& list = may_be_silent ? services_.client_idle : services_.client_header;
  list.restart(deadline_, static_cast<ClientSession*>(this), now);
}

void ClientGreeting::on_readable() {
  if (state_ == State::closed) return;
  const bool is_costly = state_ == State::handshake ||
                         (state_ == State::first_bytes &&
                          services_.snapshot().listeners[facts_.listener].tls != nullptr);
  if (is_costly && !services_.handshakes.take(*this)) {
    waits_for_turn_ = true;
    transport_->watch(Interest::none);
    return;
  }
  receive();
}

void ClientGreeting::on_turn() {
  waits_for_turn_ = false;
  if (state_ == State::closed) return;
  transport_->watch(Interest::readable);
  receive();
}

void ClientGreeting::receive() {
  if (state_ == State::handshake) {
    shake_hands({});
    return;
  }
  const IoResult result = transport_->read(services_.read_buffer);
  if (result.status == IoResult::Status::would_block) return;
  if (result.status != IoResult::Status::ok) {
    close();
    return;
  }
  if (state_ == State::lingering) return;
  on_bytes({services_.read_buffer.data(), result.bytes});
}

void ClientGreeting::on_bytes(std::string_view bytes) {
  std::string whole;
  if (!held_.empty()) {
    whole = std::exchange(held_, {});
    whole.append(bytes);
    bytes = whole;
  }
  if (state_ == State::proxy_header) {
    const size_t used = take_proxy_header(bytes);
    if (used == 0) return;
    bytes.remove_prefix(used);
    state_ = State::first_bytes;
    restart_timer();
  }
  if (!bytes.empty()) choose_by_first_bytes(bytes);
}

size_t ClientGreeting::take_proxy_header(std::string_view bytes) {
  const http::ProxyHeader header = http::parse_proxy_header(bytes);
  switch (header.status) {
    case http::ProxyHeader::Status::need_more:
      if (bytes.size() < http::kLongestProxyHeader) {
        hold(bytes);
        return 0;
      }
      count_malformed("proxy_header_too_long", 0, 0);
      close();
      return 0;
    case http::ProxyHeader::Status::malformed:
      count_malformed(header.reason, 0, 0);
      close();
      return 0;
    case http::ProxyHeader::Status::names_client:
      facts_.ends = header.ends;
      return header.bytes;
    case http::ProxyHeader::Status::names_nobody:
      return header.bytes;
  }
  return 0;
}

void ClientGreeting::choose_by_first_bytes(std::string_view bytes) {
  const ListenerEntry& listener = services_.snapshot().listeners[facts_.listener];
  if (listener.tls != nullptr) {
    if (looks_like_http(bytes.front())) {
      refuse_plain_http();
    } else {
      start_tls(bytes);
    }
    return;
  }
  if (!listener.http2) {
    go_on_as(false, bytes);
    return;
  }
  const std::string_view begin = bytes.substr(0, kHttp2Preface.size());
  if (!kHttp2Preface.starts_with(begin)) {
    go_on_as(false, bytes);
  } else if (begin.size() == kHttp2Preface.size()) {
    go_on_as(true, bytes);
  } else {
    hold(bytes);
    restart_timer();
  }
}

// --- TLS

void ClientGreeting::start_tls(std::string_view bytes) {
  const auto& context = services_.snapshot().listeners[facts_.listener].tls;
  auto tls = std::make_unique<net::TlsTransport>(services_.tls_io, std::move(transport_),
                                                 context->new_connection(), context, *this);
  tls_ = tls.get();
  transport_ = std::move(tls);
  state_ = State::handshake;
  transport_->watch(Interest::readable);
  shake_hands(bytes);
}

void ClientGreeting::shake_hands(std::string_view bytes) {
  switch (tls_->handshake(bytes)) {
    case net::TlsTransport::Handshake::wants_more:
      return;
    case net::TlsTransport::Handshake::done:
      on_secured();
      return;
    case net::TlsTransport::Handshake::failed:
      services_.counters.on_handshake_failed(tls_->failure());
      close();
      return;
  }
}

void ClientGreeting::on_secured() {
  using Kind = balancer::WorkerCounters::Handshake;
  services_.counters.on_handshake(tls_->resumed() ? Kind::resumed : Kind::full);
  auto facts = std::make_unique<TlsFacts>();
  facts->server_name = tls_->server_name();
  facts->client_subject = tls_->peer_subject();
  facts->version = tls_->version();
  facts_.tls = std::move(facts);
  const bool http2 = tls_->protocol() == "h2";
  std::string_view received;
  if (tls_->holds_bytes()) {
    const IoResult result = transport_->read(services_.read_buffer);
    if (result.status == IoResult::Status::closed || result.status == IoResult::Status::failed) {
      close();
      return;
    }
    received = {services_.read_buffer.data(), result.bytes};
  }
  go_on_as(http2, received);
}

// --- Ends

void ClientGreeting::go_on_as(bool http2, std::string_view received) {
  state_ = State::closed;
  deadline_.cancel();
  std::unique_ptr<ClientSession> next;
  if (http2) {
    next = std::make_unique<Http2Connection>(services_, owner_, std::move(facts_));
  } else {
    next = std::make_unique<ClientConnection>(services_, owner_, std::move(facts_));
  }
  owner_.replace_session(*this, std::move(next), std::move(transport_), received);
}

void ClientGreeting::refuse_plain_http() {
  // A pipe that is full at its first bytes has no reader.
  static_cast<void>(transport_->write(std::span(&kPlainHttpAnswer, 1)));
  count_malformed("http_to_https_port", 400, kPlainHttpAnswer.size());
  state_ = State::lingering;
  transport_->shut_down_writing();
  restart_timer();
}

void ClientGreeting::count_malformed(std::string_view reason, uint16_t status, size_t bytes) {
  std::string client;
  if (facts_.ends.has_client()) facts_.ends.client.append_to(client);
  const Time now = services_.loop.now();
  balancer::ExchangeRecord record;
  record.started_ms = services_.wall_ms(began_);
  record.client = client;
  record.request_id = services_.new_request_id();
  record.reason = reason;
  record.status = status;
  record.bytes_out = bytes;
  record.total = now - began_;
  services_.counters.record_without_pool(record);
  if (services_.access_log != nullptr) services_.access_log->on_exchange(record);
}

void ClientGreeting::on_timeout() {
  if (tls_ != nullptr) services_.counters.on_handshake_failed("tls_timeout");
  close();
}

// Who has begun is served; the others go.
void ClientGreeting::on_drain() {
  const bool has_begun = state_ == State::handshake || !held_.empty();
  if (state_ == State::closed || has_begun) return;
  if (transport_->is_quiet()) close();
}

void ClientGreeting::on_shutdown() { close(); }

void ClientGreeting::hold(std::string_view bytes) { held_ = bytes; }

void ClientGreeting::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  if (std::exchange(waits_for_turn_, false)) services_.handshakes.forget(*this);
  deadline_.cancel();
  transport_.reset();
  tls_ = nullptr;
  owner_.on_session_closed(*this);
}

}  // namespace flaskscale::forward
