// The autoscaler of Google's managed instance groups on serving utilisation, as documented.
#pragma once

#include <cstdint>

#include "scaler/sliding_max.h"
#include "simulator/recent_mean.h"
#include "simulator/scaling_law.h"

namespace flaskscale::simulator {

// Every 15 s: the mean utilisation of a minute over the target, times the instances that serve; the
// size is the peak of that over the last 10 min. Instances that initialise are not measured. A
// utilisation can't exceed 100 %, nor can this law see who waits.
class GceLaw final : public ScalingLaw {
 public:
  struct Settings {
    double utilization = 0.7;
    double stabilization = 600;  // seconds
  };
  explicit GceLaw(const Settings& settings);

  uint32_t wanted(const LawView& view) override;

 private:
  const Settings settings_;
  RecentMean busy_;  // instances' worth of requests in flight
  scaler::SlidingMax recommended_;
  double next_ = 0;
  bool begun_ = false;
  uint32_t wanted_ = 0;
};

}  // namespace flaskscale::simulator
