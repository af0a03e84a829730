// How long the queue will make a request wait: measured rate of slot releases and capacity that is
// coming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace flaskscale::balancer {

// Guarded by the pool's mutex.
//
// The rate is measured only while somebody waits: in an idle pool slots are freed as slowly as
// requests come, which says nothing about what the pool can do. It is kept per slot, so that it
// holds for the slots there are now.
class WaitForecast {
 public:
  // A slot was freed while somebody waited.
  void count_release() { ++releases_; }
  // Every 100 ms or so. `slots`: that may be taken now, of all backends.
  void tick(bool somebody_waits, double slots, Time now);

  // Capacity is on its way; `boot_median` after the first such call it is expected to serve. In a
  // pool without slots that time runs only while somebody waits.
  void expect(bool coming, Duration boot_median, Time now);
  bool is_coming() const { return coming_since_.has_value(); }
  // When a request that came at `enqueued` must give up, if it may wait for `timeout` without such
  // capacity: later while capacity is coming; what it waited for has come, it may go on waiting for
  // its turn as long as anybody who comes then.
  Time deadline(Time enqueued, Duration timeout) const;
  // None if nothing is coming.
  std::optional<double> seconds_to_capacity(Time now) const;

  // Seconds until the request behind `ahead` others gets a slot, if `backends` have `slots`; none
  // while no rate is known (too few releases seen, the last too long ago, or no slot).
  std::optional<double> wait_seconds(size_t ahead, double slots, size_t backends, Time now) const;

 private:
  // Decaying sums over the time in which somebody waited.
  double slot_seconds_ = 0;
  double released_ = 0;
  uint64_t releases_ = 0;  // since the last tick
  std::optional<Time> last_tick_;
  Time last_busy_{};
  bool waited_at_last_tick_ = false;

  Duration hold() const;

  std::optional<Time> coming_since_;
  std::optional<Time> came_at_;  // the end of the last time that capacity was coming
  Duration boot_median_{};
};

}  // namespace flaskscale::balancer
