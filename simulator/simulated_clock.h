// The time that a simulation has reached.
#pragma once

#include <chrono>

#include "base/time.h"

namespace flaskscale::simulator {

struct SimulatedClock {
  // Where every simulation begins: some time after the clock's own beginning, so that looking back
  // from there is no negative time.
  static constexpr Time kStart{std::chrono::hours(24)};

  Time now = kStart;
  double seconds() const { return to_seconds(now - kStart); }
};

}  // namespace flaskscale::simulator
