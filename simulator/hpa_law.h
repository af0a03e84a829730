// The Kubernetes horizontal pod autoscaler (HPA) on requests, as KEDA's HTTP add-on or a pods
// metric feeds it.
#pragma once

#include <cstdint>

#include "scaler/sliding_max.h"
#include "simulator/recent_mean.h"
#include "simulator/scaling_law.h"

namespace flaskscale::simulator {

// Every 15 s, tolerance 10 %. Grows by 100 % or 4 pods per interval, whichever is more; shrinks to
// the largest wish of the last 300 s.
class HpaLaw final : public ScalingLaw {
 public:
  enum class Metric : uint8_t {
    average_value,  // all requests, waiting ones too, over the target: needs no current size
    per_pod,        // requests in flight per ready pod; pods that are not ready count as idle
  };
  struct Settings {
    Metric metric = Metric::average_value;
    double utilization = 0.7;  // of the slots: the target per pod
    // With a minimum of 0 KEDA goes there when this long nobody came (average_value only); seconds.
    double cool_down = 300;
  };
  explicit HpaLaw(const Settings& settings);

  uint32_t wanted(const LawView& view) override;

  // What the metric asks for, before all limits; `pods`: ready and not.
  static double asked_by_average(double total, double target, double pods);
  static double asked_per_pod(double in_flight, double ready, double pods, double target);

 private:
  const Settings settings_;
  RecentMean in_flight_;
  scaler::SlidingMax wishes_;
  double next_ = 0;
  double busy_at_ = 0;
  uint32_t wanted_ = 0;
};

}  // namespace flaskscale::simulator
