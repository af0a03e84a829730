// A pool of backends that are simulated machines: load, health checks, and what must not happen.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "scaler/load_sample.h"
#include "scaler/membership.h"
#include "scaler/policy.h"
#include "tests/support/gce/emulator.h"
#include "tests/support/gce/simulated_host.h"

namespace flaskscale::soak {

// Borrows all. One thread.
class SoakPool final : public scaler::Membership {
 public:
  using Report = std::function<void(const std::string& problem)>;

  SoakPool(emulator::Emulator& cloud, const emulator::SimulatedHost& host,
           const scaler::Policy& policy, uint64_t seed, Report report);

  // One second of clients, requests and health checks.
  void second(Time now);
  // Requests per second from now on.
  void load(double rate) { rate_ = rate; }
  // The program has died: nobody is a member any more.
  void forget_all();

  const scaler::LoadSample& sample() const { return sample_; }
  bool has(const std::string& address) const { return members_.contains(address); }
  // Up, and open to requests.
  size_t open() const;
  size_t draining() const;

  void add(const std::string& address) override;
  uint32_t drain(const std::string& address) override;
  bool undrain(const std::string& address) override;
  void remove(const std::string& address) override;
  std::vector<scaler::MemberReport> report() const override;
  void expect_capacity(bool, Duration) override {}

 private:
  struct Member {
    bool up = false;
    bool admitted = false;
    bool draining = false;
    Time admitted_at{};
    Time draining_since{};
    uint32_t in_flight = 0;
    int streak = 0;  // health checks that say otherwise than `up`
  };

  void check_health(const std::string& address, Member& member);
  void serve();
  // The machine of that address is on and its group leaves it alone: whatever happens to it now is
  // the scaler's doing.
  bool is_sound(const std::string& address) const;

  emulator::Emulator& cloud_;
  const emulator::SimulatedHost& host_;
  const scaler::Policy& policy_;
  Random random_;
  const Report report_;
  std::map<std::string, Member> members_;
  scaler::LoadSample sample_;
  Time now_{};
  uint64_t seconds_ = 0;
  double rate_ = 0;
  double backlog_ = 0;
  double carry_ = 0;
};

}  // namespace flaskscale::soak
