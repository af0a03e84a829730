// What decides how many instances a simulation has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.h"
#include "scaler/load_sample.h"
#include "simulator/pool_bridge.h"
#include "simulator/simulated_clock.h"
#include "simulator/simulated_provider.h"

namespace flaskscale::simulator {

// What is seen at the end of a second.
struct Observation {
  scaler::LoadSample load;  // coverage 0: nothing is known this time
  WallTime wall{};
  double mean_in_flight = 0;  // in the last second
  double mean_waiting = 0;
};

class ScalingDriver {
 public:
  virtual ~ScalingDriver() = default;

  // Once a second.
  virtual void tick(const Observation& seen) = 0;
  // How many instances it wants now.
  virtual uint32_t wanted() const = 0;
};

// All borrowed.
struct DriverParts {
  SimulatedProvider& provider;
  PoolBridge& bridge;
  const SimulatedClock& clock;
  uint64_t seed;
};
using DriverFactory = std::function<std::unique_ptr<ScalingDriver>(DriverParts)>;

}  // namespace flaskscale::simulator
