#include "balancer/retry_budget.h"

#include <algorithm>

#include "base/check.h"

namespace flaskscale::balancer {

bool RetryBudget::try_begin(uint64_t in_flight) {
  const double share = share_.load(std::memory_order_relaxed) * static_cast<double>(in_flight);
  const double allowed =
      std::max(share, static_cast<double>(floor_.load(std::memory_order_relaxed)));
  uint32_t active = active_.load(std::memory_order_relaxed);
  while (static_cast<double>(active) < allowed) {
    if (active_.compare_exchange_weak(active, active + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void RetryBudget::end() { FS_CHECK(active_.fetch_sub(1, std::memory_order_relaxed) > 0); }

}  // namespace flaskscale::balancer
