#include "balancer/slot_ramp.h"

#include <algorithm>
#include <bit>

#include "balancer/settings.h"

namespace flaskscale::balancer {
namespace {

constexpr uint32_t kUnlimitedRampEnd = 1024;

}  // namespace

uint32_t SlotRamp::limit(uint32_t slots, Duration slow_start, Time now) const {
  if (!running_ || slots <= 1 || slow_start <= Duration::zero()) return slots;
  const uint32_t top = slots == kUnlimitedSlots ? kUnlimitedRampEnd : slots;
  const auto doublings = static_cast<double>(std::bit_width(top - 1));
  const double share = std::max(to_seconds(now - started_) / to_seconds(slow_start), 0.0);
  if (share >= 1) return slots;
  return std::min(slots, 1U << static_cast<uint32_t>(share * doublings));
}

}  // namespace flaskscale::balancer
