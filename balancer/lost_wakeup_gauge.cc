#include "balancer/lost_wakeup_gauge.h"

namespace flaskscale::balancer {

bool LostWakeupGauge::check(uint64_t next, bool slot_is_free, Time now) {
  const uint64_t idle = slot_is_free ? next : 0;
  const bool lost = idle != 0 && idle == idle_before_ && now > last_check_;
  if (lost) seconds_ += to_seconds(now - last_check_);
  idle_before_ = idle;
  last_check_ = now;
  return lost;
}

}  // namespace flaskscale::balancer
