// When the next call to the Compute Engine API may be made.
#pragma once

#include <cstdint>
#include <deque>

#include "base/random.h"
#include "base/time.h"

namespace flaskscale::scaler {

// Three brakes: at most so many calls in any 60 seconds, a pause until the quota's next minute, and
// an exponential back-off with full jitter. Not thread-safe.
class GceCallBudget {
 public:
  explicit GceCallBudget(uint32_t calls_per_minute) : limit_(calls_per_minute) {}

  // Reading leaves a quarter of the budget to calls that change something.
  enum class Use : uint8_t { read, change };
  // How long to put the call off; 0: it may be made now.
  Duration wait(Use use, Time now) const;
  void on_call(Time now);
  void on_success() { failures_ = 0; }
  // The server asked for less: at least `retry_after`, else 1 s, 2 s, 4 s … 60 s, each times a
  // random number.
  void back_off(Duration retry_after, Time now, Random& random);
  // `wall` tells where the minute ends.
  void pause_to_next_minute(Time now, WallTime wall, Random& random);

  void limit(uint32_t calls_per_minute) { limit_ = calls_per_minute; }
  uint32_t limit() const { return limit_; }

 private:
  uint32_t limit_;
  std::deque<Time> calls_;  // of the last minute
  Time paused_until_{};
  uint32_t failures_ = 0;
};

}  // namespace flaskscale::scaler
