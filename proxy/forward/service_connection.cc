#include "proxy/forward/service_connection.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "proxy/forward/buffer_pool.h"
#include "proxy/forward/outgoing.h"
#include "proxy/http/body_decoder.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/http1_parser.h"
#include "proxy/net/socket_transport.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

constexpr size_t kMaxConnections = 256;
constexpr size_t kMaxRequest = 64U << 10U;
constexpr Duration kMaxQuiet = std::chrono::seconds(60);

}  // namespace

class ServiceConnection final : public net::TransportHandler, public net::Retired {
 public:
  ServiceConnection(ServiceListener& listener, net::EventLoop& loop, net::OwnedFd socket)
      : listener_(listener), loop_(loop), outgoing_(buffers_), last_active_(loop.now()) {
    transport_ = std::make_unique<net::SocketTransport>(loop, socket.release(), *this);
    transport_->watch(Interest::readable);
  }

  Time last_active() const { return last_active_; }

  void close() {
    if (transport_ == nullptr) return;
    transport_.reset();
    listener_.give_up(*this);
  }

  void on_readable() override {
    if (transport_ == nullptr) return;
    char buffer[16384];
    const IoResult result = transport_->read(buffer);
    if (result.status == IoResult::Status::would_block) return;
    if (result.status != IoResult::Status::ok || received_.size() + result.bytes > kMaxRequest) {
      close();
      return;
    }
    last_active_ = loop_.now();
    received_.append(buffer, result.bytes);
    answer_all();
  }

  void on_writable() override {
    if (transport_ == nullptr) return;
    const SendState state = outgoing_.flush(*transport_);
    last_active_ = loop_.now();
    if (state == SendState::failed || (state == SendState::sent && closing_)) {
      close();
    } else if (state == SendState::sent) {
      transport_->watch(Interest::readable);
      answer_all();
    }
  }

 private:
  // One answer at a time: while one is held, the next request waits.
  void answer_all() {
    while (transport_ != nullptr && !closing_ && outgoing_.empty() && !received_.empty() &&
           answer_one()) {
    }
  }

  // False: the rest of the request has not come yet.
  bool answer_one() {
    http::RequestHead head;
    const auto outcome = parser_.parse(received_, http::HeadLimits{}, head);
    if (std::holds_alternative<http::NeedMore>(outcome)) return false;
    if (const auto* bad = std::get_if<http::Malformed>(&outcome)) {
      send({bad->status, "text/plain", std::string(bad->reason) + "\n", {}}, Close::yes,
           Body::sent);
      return true;
    }
    const size_t head_bytes = std::get<http::HeadComplete>(outcome).head_bytes;
    http::BodyDecoder decoder;
    decoder.start(head.framing, head.content_length, kMaxRequest);
    std::string body = received_.substr(head_bytes);
    const auto decoded = decoder.decode(body.data(), body.size());
    if (!decoded) {
      send({400, "text/plain", "bad body\n", {}}, Close::yes, Body::sent);
      return true;
    }
    if (!decoded->complete) return false;
    ServiceRequest request{std::string(head.method_text), std::string(head.path),
                           body.substr(0, decoded->produced), std::string(head.authority),
                           std::string(http::find_field(head.fields, "origin"))};
    const Close close_after = head.keep_alive ? Close::no : Close::yes;
    const Body body_sent = head.method == http::Method::head ? Body::left_out : Body::sent;
    received_.erase(0, head_bytes + decoded->consumed);
    send(listener_.handler_(request), close_after, body_sent);
    return true;
  }

  enum class Close : uint8_t { no, yes };
  enum class Body : uint8_t { sent, left_out };

  void send(const ServiceResponse& response, Close close_after, Body body) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
    out += http::status_phrase(static_cast<uint16_t>(response.status));
    out += "\r\nContent-Type: " + response.content_type +
           "\r\nContent-Length: " + std::to_string(response.body.size()) +
           "\r\nCache-Control: no-store\r\n" + response.extra_fields;
    if (close_after == Close::yes) out += "Connection: close\r\n";
    out += "\r\n";
    if (body == Body::sent) out += response.body;
    closing_ = close_after == Close::yes;
    const SendState state = outgoing_.send(*transport_, out);
    if (state == SendState::failed || (state == SendState::sent && closing_)) {
      close();
    } else if (state == SendState::blocked) {
      transport_->watch(Interest::writable);
    }
  }

  ServiceListener& listener_;
  net::EventLoop& loop_;
  std::unique_ptr<net::SocketTransport> transport_;
  BufferPool buffers_;
  Outgoing outgoing_;
  http::Http1RequestParser parser_;
  std::string received_;
  Time last_active_;
  bool closing_ = false;
};

ServiceListener::ServiceListener(net::EventLoop& loop, net::OwnedFd socket, Handler handler)
    : loop_(loop),
      handler_(std::move(handler)),
      acceptor_(loop, std::move(socket), {[this] { return has_room(); }, [] {}},
                [this](net::OwnedFd fd, const net::SocketAddress&) { on_accept(std::move(fd)); }),
      timer_(loop, [this] { check_ages(); }) {
  timer_.start_every(std::chrono::seconds(1));
}

ServiceListener::~ServiceListener() = default;

bool ServiceListener::has_room() const { return connections_.size() < kMaxConnections; }

void ServiceListener::on_accept(net::OwnedFd socket) {
  connections_.push_back(std::make_unique<ServiceConnection>(*this, loop_, std::move(socket)));
}

void ServiceListener::give_up(ServiceConnection& connection) {
  const auto here = std::find_if(connections_.begin(), connections_.end(),
                                 [&](const auto& entry) { return entry.get() == &connection; });
  if (here == connections_.end()) return;
  loop_.retire(std::move(*here));
  connections_.erase(here);
  acceptor_.resume();
}

void ServiceListener::check_ages() {
  const Time now = loop_.now();
  acceptor_.resume();
  for (size_t i = connections_.size(); i-- > 0;) {
    if (now - connections_[i]->last_active() > kMaxQuiet) connections_[i]->close();
  }
}

}  // namespace flaskscale::forward
