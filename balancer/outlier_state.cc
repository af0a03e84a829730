#include "balancer/outlier_state.h"

#include <algorithm>

namespace flaskscale::balancer {

void OutlierState::eject(Duration base, Duration most, Time now) {
  const bool again = in_a_row_ > 0 && now - back_since_ < lasted_;
  in_a_row_ = again ? in_a_row_ + 1 : 1;
  Duration length = std::min(base, most);
  for (uint32_t k = 1; k < in_a_row_ && length < most; ++k) length = std::min(length * 2, most);
  lasted_ = length;
  until_ = now + length;
  ejected_ = true;
}

void OutlierState::end(Time now) {
  ejected_ = false;
  back_since_ = now;
}

}  // namespace flaskscale::balancer
