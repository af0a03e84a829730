#include "simulator/flaskscale_driver.h"

namespace flaskscale::simulator {

FlaskScaleDriver::FlaskScaleDriver(const scaler::Policy& policy, DriverParts parts)
    : clock_(parts.clock),
      random_(parts.seed),
      // Schedules mean the times that the trace was written with.
      scaler_(kPool, policy, {parts.provider, executor_, parts.bridge, random_},
              [](WallTime) { return std::chrono::seconds(0); }) {}

void FlaskScaleDriver::tick(const Observation& seen) {
  scaler_.tick(seen.load, clock_.now, seen.wall);
  executor_.deliver();
}

uint32_t FlaskScaleDriver::wanted() const {
  const scaler::Decision* last = scaler_.decisions().last();
  return last == nullptr ? 0 : last->target;
}

DriverFactory flaskscale_driver(const scaler::Policy& policy) {
  return [policy](DriverParts parts) { return std::make_unique<FlaskScaleDriver>(policy, parts); };
}

}  // namespace flaskscale::simulator
