// Asks backends again and again whether they are well: the active health checks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/random.h"
#include "proxy/config/model.h"
#include "proxy/forward/address_book.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/tls_client_context.h"
#include "proxy/net/tls_io.h"

namespace flaskscale::forward {

class HealthProbe;

// Control loop thread only.
class HealthProber {
 public:
  // One probe's verdict.
  using OnVerdict =
      std::function<void(const std::string& pool, const std::string& address, bool good)>;

  HealthProber(net::EventLoop& loop, AddressBook& address_book, uint64_t seed,
               OnVerdict on_verdict);
  ~HealthProber();

  // Probes from now on, at once and then each interval (jittered by a tenth; four times as often
  // until the first good answer). Watching again with other settings replaces them.
  void watch(const std::string& pool, const std::string& address,
             const config::HealthModel& health);
  void forget(const std::string& pool, const std::string& address);

  // The pools whose backends speak TLS, by name; from the next probe of each backend on.
  using BackendTls = std::map<std::string, std::shared_ptr<const net::TlsClientContext>>;
  void use_tls(BackendTls tls) { tls_ = std::move(tls); }

 private:
  friend class HealthProbe;
  net::EventLoop& loop_;
  net::TlsIo tls_io_;
  BackendTls tls_;
  AddressBook& address_book_;
  Random random_;
  OnVerdict on_verdict_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<HealthProbe>>
      probes_;  // by pool, address
};

}  // namespace flaskscale::forward
