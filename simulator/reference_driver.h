// Carries out what another autoscaler's law wants, as plainly as an instance group does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "simulator/scaling_driver.h"
#include "simulator/scaling_law.h"

namespace flaskscale::simulator {

struct ReferenceSettings {
  uint32_t min = 1;
  uint32_t max = 100;
  double slots = 10;  // per instance
  Duration boot_median = std::chrono::seconds(60);
  Duration drain_timeout = std::chrono::minutes(5);
};

// Instances that boot are given up first, then the youngest; each finishes its requests before it
// ends. None is taken back.
class ReferenceDriver final : public ScalingDriver {
 public:
  ReferenceDriver(std::unique_ptr<ScalingLaw> law, const ReferenceSettings& settings,
                  DriverParts parts);

  void tick(const Observation& seen) override;
  uint32_t wanted() const override { return wanted_; }

 private:
  struct Machine {
    std::string address;
    bool admitted = false;
    bool draining = false;
    Time since{};  // draining
    uint32_t in_flight = 0;
    uint64_t number = 0;  // younger ones have higher numbers
  };

  void look();
  void end_drained();
  void grow(uint32_t count);
  void shrink(uint32_t count);

  const std::unique_ptr<ScalingLaw> law_;
  const ReferenceSettings settings_;
  SimulatedProvider& provider_;
  PoolBridge& bridge_;
  const SimulatedClock& clock_;
  std::map<std::string, Machine> machines_;  // by name
  uint64_t last_number_ = 0;
  uint32_t wanted_ = 0;
  bool has_looked_ = false;
};

}  // namespace flaskscale::simulator
