// The clocks that the GCE provider looks at, handed in so that tests can turn them.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "base/time.h"

namespace flaskscale::scaler {

struct GceClock {
  std::function<Time()> now = Clock::now;
  // For what Google compares with its own clock: assertions and the minutes of quotas.
  std::function<WallTime()> wall = [] {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  };
  // Between two tries of one call; some hundred milliseconds each.
  std::function<void(Duration)> sleep = [](Duration duration) {
    std::this_thread::sleep_for(duration);
  };
};

}  // namespace flaskscale::scaler
