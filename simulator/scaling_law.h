// A law of another autoscaler, for comparison: from what it sees to how many instances it wants.
#pragma once

#include <cmath>
#include <cstdint>

namespace flaskscale::simulator {

struct LawView {
  double now = 0;        // seconds
  double in_flight = 0;  // requests at backends, mean over the last second
  double waiting = 0;    // requests in the queue, mean over the last second
  uint32_t ready = 0;    // instances
  uint32_t booting = 0;
  double slots = 1;  // per instance
  uint32_t min = 0;
  uint32_t max = 1;
};

// Rounded up to whole instances; what a sum's rounding has added does not count.
inline double whole(double instances) { return std::ceil(instances - 1e-9); }

class ScalingLaw {
 public:
  virtual ~ScalingLaw() = default;

  // Called every second in which something is known; answers with what is wanted now, also between
  // the law's own decisions. Not limited to min … max.
  virtual uint32_t wanted(const LawView& view) = 0;
};

}  // namespace flaskscale::simulator
