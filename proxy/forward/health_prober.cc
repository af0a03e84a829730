#include "proxy/forward/health_prober.h"

#include <algorithm>
#include <cerrno>
#include <variant>

#include "base/log.h"
#include "proxy/forward/http2_probe.h"
#include "proxy/forward/snapshot.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/net/socket_transport.h"
#include "proxy/net/timer.h"
#include "proxy/net/tls_transport.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

constexpr size_t kMaxHead = 16U << 10U;
constexpr Duration kFirstInterval = std::chrono::milliseconds(250);

}  // namespace

// One backend's check: waits, connects, asks, judges, waits again.
class HealthProbe final : public net::TransportHandler, public net::Retired {
 public:
  HealthProbe(HealthProber& prober, std::string pool, std::string address,
              const config::HealthModel& health)
      : prober_(&prober),
        loop_(prober.loop_),
        pool_(std::move(pool)),
        address_(std::move(address)),
        health_(health),
        timer_(prober.loop_, [this] { on_time(); }) {
    timer_.start_once(Duration::zero());
  }

  const config::HealthModel& health() const { return health_; }

  // From now on nothing is reported.
  void stop() {
    prober_ = nullptr;
    transport_.reset();
    timer_.stop();
  }

  void on_writable() override {
    if (transport_ == nullptr || sent_) return;
    const int error_number = transport_->connect_result();
    if (error_number == EINPROGRESS) return;
    const bool h2c = health_.protocol == config::BackendProtocol::h2c;
    if (error_number != 0 || (health_.path.empty() && !h2c)) {
      if (error_number != 0) tell_tls_failure();
      conclude(error_number == 0);
      return;
    }
    sent_ = true;
    const std::string host = is_unix_address(address_) ? "localhost" : address_;
    std::string request;
    if (h2c) {
      http2_ = std::make_unique<Http2Probe>(host, health_.path);
      request = http2_->take_output();
    } else {
      http::write_proxy_header(proxy_protocol_of(health_.proxy_protocol), {}, request);
      request += "GET " + health_.path + " HTTP/1.1\r\nHost: " + host +
                 "\r\nUser-Agent: flaskscale-health\r\nConnection: close\r\n\r\n";
    }
    if (!write(request)) {
      conclude(false);
      return;
    }
    transport_->watch(Interest::readable);
  }

  void on_readable() override {
    if (transport_ == nullptr) return;
    if (!sent_) {
      on_writable();
      return;
    }
    char buffer[4096];
    const IoResult result = transport_->read(buffer);
    if (result.status == IoResult::Status::would_block) return;
    if (result.status != IoResult::Status::ok) {
      conclude(false);
      return;
    }
    if (http2_ != nullptr) {
      on_http2_bytes({buffer, result.bytes});
      return;
    }
    received_.append(buffer, result.bytes);
    http::ResponseHead head;
    const auto outcome = parser_.parse(received_, http::HeadLimits{kMaxHead, 100, kMaxHead},
                                       http::Method::get, head);
    if (std::holds_alternative<http::NeedMore>(outcome)) return;
    conclude(std::holds_alternative<http::HeadComplete>(outcome) && head.status >= 200 &&
             head.status < 400);
  }

 private:
  // A fresh connection takes as little as this whole.
  bool write(std::string_view bytes) {
    return bytes.empty() || transport_->write(std::span(&bytes, 1)).bytes == bytes.size();
  }

  void on_http2_bytes(std::string_view bytes) {
    const bool goes_on = http2_->receive(bytes) && write(http2_->take_output());
    if (const auto verdict = http2_->verdict()) {
      conclude(*verdict);
    } else if (!goes_on) {
      conclude(false);
    }
  }

  void on_time() {
    if (transport_ != nullptr) {
      conclude(false);
      return;
    }
    begin();
  }

  void begin() {
    received_.clear();
    parser_.reset();
    sent_ = false;
    const auto address = prober_->address_book_.find(address_);
    if (!address) {
      conclude(false);
      return;
    }
    auto transport = net::SocketTransport::connect(loop_, *address, *this);
    if (!transport) {
      // This machine's own lack of descriptors says nothing about the backend.
      if (transport.error().code == ErrorCode::unavailable) {
        timer_.start_once(health_.interval);
      } else {
        conclude(false);
      }
      return;
    }
    transport_ = *std::move(transport);
    tls_ = nullptr;
    if (const auto tls = prober_->tls_.find(pool_); tls != prober_->tls_.end()) {
      auto secure = std::make_unique<net::TlsTransport>(prober_->tls_io_, std::move(transport_),
                                                        tls->second->new_connection(address_),
                                                        tls->second, *this);
      tls_ = secure.get();
      transport_ = std::move(secure);
    }
    timer_.start_once(health_.timeout);
  }

  // A wrong certificate stays wrong: it is told once, until it is another failure or none.
  void tell_tls_failure() {
    if (tls_ == nullptr || tls_->failure_detail().empty() || tls_->failure_detail() == told_) {
      return;
    }
    told_ = tls_->failure_detail();
    spdlog::warn("pool '{}': no TLS with backend {}: {}", pool_, address_, told_);
  }

  void conclude(bool good) {
    transport_.reset();
    http2_.reset();
    tls_ = nullptr;
    if (good) told_.clear();
    seen_good_ = seen_good_ || good;
    const Duration interval =
        seen_good_ ? health_.interval : std::min<Duration>(health_.interval, kFirstInterval);
    timer_.start_once(
        std::chrono::duration_cast<Duration>(interval * (0.9 + 0.2 * prober_->random_.unit())));
    prober_->on_verdict_(pool_, address_, good);  // may stop this probe
  }

  HealthProber* prober_;  // null: stopped
  net::EventLoop& loop_;
  const std::string pool_;
  const std::string address_;
  const config::HealthModel health_;
  net::Timer timer_;
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<Http2Probe> http2_;  // while one over HTTP/2 is under way
  net::TlsTransport* tls_ = nullptr;   // transport_, if it is one
  std::string told_;                   // the failure that the log knows
  http::Http1ResponseParser parser_;
  std::string received_;
  bool sent_ = false;
  bool seen_good_ = false;
};

HealthProber::HealthProber(net::EventLoop& loop, AddressBook& address_book, uint64_t seed,
                           OnVerdict on_verdict)
    : loop_(loop),
      tls_io_(loop),
      address_book_(address_book),
      random_(seed),
      on_verdict_(std::move(on_verdict)) {}

HealthProber::~HealthProber() = default;

void HealthProber::watch(const std::string& pool, const std::string& address,
                         const config::HealthModel& health) {
  auto& probe = probes_[{pool, address}];
  if (probe != nullptr) {
    if (probe->health() == health) return;
    probe->stop();
    loop_.retire(std::move(probe));
  }
  probe = std::make_unique<HealthProbe>(*this, pool, address, health);
}

void HealthProber::forget(const std::string& pool, const std::string& address) {
  const auto found = probes_.find({pool, address});
  if (found == probes_.end()) return;
  found->second->stop();
  loop_.retire(std::move(found->second));
  probes_.erase(found);
}

}  // namespace flaskscale::forward
