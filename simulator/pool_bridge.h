// The simulated machines as backends of the simulated pool, for the scaler that drives them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balancer/backend.h"
#include "base/time.h"
#include "scaler/membership.h"
#include "simulator/simulated_provider.h"
#include "simulator/traffic.h"

namespace flaskscale::simulator {

// always: requests are held while capacity is coming, as the program does. when_empty: only those
// who came while no instance served.
enum class HoldRule : uint8_t { always, when_empty };

// One thread. What is handed in is borrowed.
class PoolBridge final : public scaler::Membership, public MachineListener {
 public:
  PoolBridge(Traffic& traffic, SimulatedProvider& provider, const SimulatedClock& clock,
             HoldRule hold);

  void add(const std::string& address) override;
  uint32_t drain(const std::string& address) override;
  bool undrain(const std::string& address) override;
  void remove(const std::string& address) override;
  std::vector<scaler::MemberReport> report() const override;
  void expect_capacity(bool coming, Duration boot_median) override;

  void on_answering(const std::string& address) override;
  void on_crashed(const std::string& address) override;

  // A second has gone by: of what was in flight at draining backends in bulk, this share is left.
  void fade(double share_left);

  // Counted afresh.
  struct Census {
    uint32_t ready = 0;    // admitted, not draining, not crashed
    double slots = 0;      // that may be taken now
    bool warming = false;  // slots are still ramping up somewhere
    // A backend that gets nothing new still serves requests.
    bool finishing = false;
  };
  Census census() const;
  uint64_t drained() const { return drained_; }      // drains begun, in all
  uint64_t undrained() const { return undrained_; }  // taken back, in all
  uint64_t killed() const { return killed_; }  // requests in flight at an instance that was removed

 private:
  struct Member {
    std::string address;
    std::shared_ptr<balancer::Backend> backend;  // shared with the pool, which made it
    bool admitted = false;
    bool draining = false;
    bool crashed = false;
    uint64_t left = 0;  // in flight when it began to drain in a calm second
  };

  // Null: no member.
  Member* find(const std::string& address);
  uint32_t in_flight(const Member& member) const;
  void probe(Member& member);

  Traffic& traffic_;
  SimulatedProvider& provider_;
  const SimulatedClock& clock_;
  const HoldRule hold_;
  std::vector<Member> members_;                        // in order of joining
  std::optional<std::pair<bool, Duration>> expected_;  // what the pool was told last
  bool holding_ = false;
  uint64_t drained_ = 0;
  uint64_t undrained_ = 0;
  uint64_t killed_ = 0;
};

}  // namespace flaskscale::simulator
