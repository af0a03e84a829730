#include "balancer/health_state.h"

#include <algorithm>

namespace flaskscale::balancer {

bool HealthState::on_probe(bool good, uint32_t rise, uint32_t fall) {
  constexpr uint32_t kCap = 1U << 30U;  // a count beyond every setting, kept from wrapping
  good_in_a_row_ = good ? std::min(good_in_a_row_ + 1, kCap) : 0;
  bad_in_a_row_ = good ? 0 : std::min(bad_in_a_row_ + 1, kCap);
  const uint32_t needed = was_up_ ? std::max(rise, 1U) : 1;
  if (!up_ && good_in_a_row_ >= needed) {
    up_ = was_up_ = true;
    return true;
  }
  if (up_ && bad_in_a_row_ >= std::max(fall, 1U)) {
    up_ = false;
    return true;
  }
  return false;
}

}  // namespace flaskscale::balancer
