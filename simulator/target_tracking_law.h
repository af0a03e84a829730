// Target tracking as AWS's documentation and users describe it: slow alarms, quick out, slow in.
#pragma once

#include <cstdint>

#include "simulator/scaling_law.h"

namespace flaskscale::simulator {

// A model. Utilisation by the minute; out after 3 minutes above the target, in proportion; in after
// 15 minutes below 90 % of it, by a tenth of the size (one at least) a minute, never so far that
// the target would be exceeded. Instances that boot are not measured but count as there.
class TargetTrackingLaw final : public ScalingLaw {
 public:
  struct Settings {
    double utilization = 0.7;
    uint32_t out_after = 3;  // minutes in a row
    uint32_t in_after = 15;
  };
  explicit TargetTrackingLaw(const Settings& settings) : settings_(settings) {}

  uint32_t wanted(const LawView& view) override;

 private:
  void on_minute(double utilization, const LawView& view);

  const Settings settings_;
  double minute_ends_ = -1;
  double busy_seconds_ = 0;  // instances' worth
  double ready_seconds_ = 0;
  uint32_t above_ = 0;  // minutes in a row
  uint32_t below_ = 0;
  uint32_t wanted_ = 0;
};

}  // namespace flaskscale::simulator
