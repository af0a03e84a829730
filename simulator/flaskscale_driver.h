// FlaskScale's own scaler, law and fleet, driving a simulation.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "scaler/policy.h"
#include "scaler/pool_scaler.h"
#include "simulator/scaling_driver.h"
#include "simulator/simulated_executor.h"

namespace flaskscale::simulator {

class FlaskScaleDriver final : public ScalingDriver {
 public:
  // How the scaler of this pool begins its instances' names.
  static constexpr const char* kPool = "pool";
  static constexpr const char* kNamePrefix = "pool-";

  FlaskScaleDriver(const scaler::Policy& policy, DriverParts parts);

  void tick(const Observation& seen) override;
  uint32_t wanted() const override;
  const scaler::PoolScaler& scaler() const { return scaler_; }

 private:
  const SimulatedClock& clock_;
  Random random_;
  SimulatedExecutor executor_;
  scaler::PoolScaler scaler_;
};

DriverFactory flaskscale_driver(const scaler::Policy& policy);

}  // namespace flaskscale::simulator
