// The one clock of the program: monotonic, and always handed in as a parameter.
#pragma once

#include <chrono>

namespace flaskscale {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

// The calendar's clock, for schedules, daily patterns and what outlives this process; may jump.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

inline double to_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace flaskscale
