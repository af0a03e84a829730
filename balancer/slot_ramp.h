// The slots of a new backend: 1, 2, 4 … doubling until it has all.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace flaskscale::balancer {

// Guarded by the pool's mutex.
class SlotRamp {
 public:
  void start(Time now) {
    running_ = true;
    started_ = now;
  }
  void finish() { running_ = false; }
  bool is_running() const { return running_; }

  // How many of `slots` may be taken, if the last doubling comes `slow_start` after the start.
  // Unlimited slots ramp up to 1024 before the limit falls.
  uint32_t limit(uint32_t slots, Duration slow_start, Time now) const;

 private:
  bool running_ = false;
  Time started_{};
};

}  // namespace flaskscale::balancer
