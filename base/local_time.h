// The server's own clock on the wall: its time zone.
#pragma once

#include <chrono>

#include "base/time.h"

namespace flaskscale {

// How far local time is ahead of UTC at `at`, by the system's time zone (TZ, /etc/localtime); 0
// where the system can't say. Any thread.
std::chrono::seconds local_utc_offset(WallTime at);

}  // namespace flaskscale
