// Seconds in which somebody waited while a slot was free. A lost wake-up shows here, and nowhere
// else.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace flaskscale::balancer {

// Guarded by the pool's mutex. Knows nothing of how slots are handed over: it is told what is seen
// at each check.
class LostWakeupGauge {
 public:
  // `next`: number of the ticket that gets the next slot, 0 if nobody waits. Between two checks
  // that see the same ticket and a free slot nobody was served, so the slot was idle all the time.
  // (A slot that is just being handed over is seen free at one check, never at two.) Returns true
  // if it was so.
  bool check(uint64_t next, bool slot_is_free, Time now);

  double seconds() const { return seconds_; }

 private:
  uint64_t idle_before_ = 0;  // the ticket, if a slot was free at the last check
  Time last_check_{};
  double seconds_ = 0;
};

}  // namespace flaskscale::balancer
