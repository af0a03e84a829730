#include "proxy/forward/health_prober.h"

#include <algorithm>
#include <cerrno>
#include <variant>

#include "proxy/http/http1_parser.h"
#include "proxy/net/socket_transport.h"
#include "proxy/net/timer.h"

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
  HealthProbe(net::EventLoop& loop, AddressBook& book, Random& random, std::string address,
              const config::HealthModel& health, std::function<void(bool)> on_verdict)
      : loop_(loop),
        book_(book),
        random_(random),
        address_(std::move(address)),
        health_(health),
        on_verdict_(std::move(on_verdict)),
        timer_(loop, [this] { on_time(); }) {
    timer_.start_once(Duration::zero());
  }

  const config::HealthModel& health() const { return health_; }

  // From now on nothing is reported.
  void stop() {
    on_verdict_ = nullptr;
    transport_.reset();
    timer_.stop();
  }

  void on_writable() override {
    if (transport_ == nullptr || sent_) return;
    const int error_number = transport_->connect_result();
    if (error_number == EINPROGRESS) return;
    if (error_number != 0 || health_.path.empty()) {
      conclude(error_number == 0);
      return;
    }
    sent_ = true;
    const std::string request = "GET " + health_.path + " HTTP/1.1\r\nHost: " + address_ +
                                "\r\nUser-Agent: flaskscale-health\r\nConnection: close\r\n\r\n";
    const std::string_view bytes = request;
    // A fresh connection takes a request of this size whole.
    if (transport_->write(std::span(&bytes, 1)).bytes != bytes.size()) {
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
    received_.append(buffer, result.bytes);
    http::ResponseHead head;
    const auto outcome = parser_.parse(received_, http::HeadLimits{kMaxHead, 100, kMaxHead},
                                       http::Method::get, head);
    if (std::holds_alternative<http::NeedMore>(outcome)) return;
    conclude(std::holds_alternative<http::HeadComplete>(outcome) && head.status >= 200 &&
             head.status < 400);
  }

 private:
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
    const auto address = book_.find(address_);
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
    timer_.start_once(health_.timeout);
  }

  void conclude(bool good) {
    transport_.reset();
    seen_good_ = seen_good_ || good;
    const Duration interval =
        seen_good_ ? health_.interval : std::min<Duration>(health_.interval, kFirstInterval);
    timer_.start_once(
        std::chrono::duration_cast<Duration>(interval * (0.9 + 0.2 * random_.unit())));
    if (on_verdict_) on_verdict_(good);
  }

  net::EventLoop& loop_;
  AddressBook& book_;
  Random& random_;
  const std::string address_;
  const config::HealthModel health_;
  std::function<void(bool)> on_verdict_;
  net::Timer timer_;
  std::unique_ptr<net::SocketTransport> transport_;
  http::Http1ResponseParser parser_;
  std::string received_;
  bool sent_ = false;
  bool seen_good_ = false;
};

HealthProber::HealthProber(net::EventLoop& loop, AddressBook& address_book, uint64_t seed,
                           OnVerdict on_verdict)
    : loop_(loop), address_book_(address_book), random_(seed), on_verdict_(std::move(on_verdict)) {}

HealthProber::~HealthProber() = default;

void HealthProber::watch(const std::string& pool, const std::string& address,
                         const config::HealthModel& health) {
  auto& probe = probes_[{pool, address}];
  if (probe != nullptr) {
    if (probe->health() == health) return;
    probe->stop();
    loop_.retire(std::move(probe));
  }
  probe = std::make_unique<HealthProbe>(
      loop_, address_book_, random_, address, health,
      [this, pool, address](bool good) { on_verdict_(pool, address, good); });
}

void HealthProber::forget(const std::string& pool, const std::string& address) {
  const auto found = probes_.find({pool, address});
  if (found == probes_.end()) return;
  found->second->stop();
  loop_.retire(std::move(found->second));
  probes_.erase(found);
}

}  // namespace flaskscale::forward
