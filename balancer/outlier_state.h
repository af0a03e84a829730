// The ejections of one backend by the passive checks, and how long each lasts.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace flaskscale::balancer {

// Guarded by the pool's mutex.
class OutlierState {
 public:
  bool is_ejected() const { return ejected_; }
  Time ends_at() const { return until_; }

  // Out for base × 2^k, at most `most`; k counts the ejections in a row: those that began before
  // the backend had been back for as long as it was out the last time.
  void eject(Duration base, Duration most, Time now);
  void end(Time now);

 private:
  bool ejected_ = false;
  uint32_t in_a_row_ = 0;
  Time until_{};
  Time back_since_{};
  Duration lasted_{};
};

}  // namespace flaskscale::balancer
