// The monotonic clock's times as wall clock times, for people.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace flaskscale::server {

// Milliseconds since 1970-01-01 UTC, by the wall clock as it stands now.
inline int64_t wall_milliseconds(Time at) {
  const auto ago = Clock::now() - at;
  const auto wall = std::chrono::system_clock::now() -
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
  return std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count();
}

}  // namespace flaskscale::server
