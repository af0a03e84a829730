// Knative's pod autoscaler (KPA): concurrency over a stable and a panic window.
#pragma once

#include <cstdint>

#include "scaler/sliding_max.h"
#include "simulator/recent_mean.h"
#include "simulator/scaling_law.h"

namespace flaskscale::simulator {

// Every 2 s; requests that wait count as concurrency. Within panic (the short window asks for twice
// what is ready) it only grows, until a stable window after the last such reading. It begins in
// panic at the size it finds. Defaults of the autoscaler's configuration map.
class KnativeLaw final : public ScalingLaw {
 public:
  struct Settings {
    double utilization = 0.7;   // of the slots
    double stable_window = 60;  // seconds
    double panic_window = 6;
    double panic_threshold = 2;  // times what is ready
    double scale_up_rate = 1000;
    double scale_down_rate = 2;
    double scale_down_delay = 0;  // seconds
    double zero_grace = 30;       // without load before the last one goes, beyond the window
  };
  explicit KnativeLaw(const Settings& settings);

  uint32_t wanted(const LawView& view) override;

  // What a concurrency asks for before all limits.
  static double asked(double concurrency, double slots, double utilization);

 private:
  uint32_t decide(const LawView& view);

  const Settings settings_;
  RecentMean stable_;
  RecentMean panic_;
  scaler::SlidingMax delayed_;
  double next_ = 0;
  double panic_since_ = -1;  // below 0: not in panic
  double panic_most_ = 0;
  double busy_at_ = 0;  // when there was load last
  bool begun_ = false;
  uint32_t wanted_ = 0;
};

}  // namespace flaskscale::simulator
