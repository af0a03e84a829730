// How the arrival rate went at the same minute of earlier hours, days and weeks.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace flaskscale::scaler {

// The mean rate of each minute of the last fifteen days, by the wall clock (UTC: with a change of
// the clock a daily pattern moves by an hour, and is a bad forecaster for a day). 43 KiB when full.
class RatePattern {
 public:
  // `arrivals` in the `seconds` that end at `wall`. A wall clock that ran backwards is awaited for
  // an hour; one that is further off begins anew.
  void add(double arrivals, double seconds, WallTime wall);
  // What is known of the minute under way is worth nothing.
  void forget_this_minute() { arrivals_ = seconds_ = 0; }

  // How many times its rate at this phase of the period the load reached in the `ahead_seconds`
  // that followed: of the past periods the upper quartile, >= 1. None with fewer known periods than
  // `fewest`; at most `most` are asked.
  std::optional<double> growth(std::chrono::minutes period, size_t fewest, size_t most,
                               double ahead_seconds, WallTime wall) const;

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.packed("rates", rates_);
    visitor.field("last_minute", last_minute_);
    visitor.field("minute", minute_);
    visitor.field("arrivals", arrivals_);
    visitor.field("seconds", seconds_);
  }
  bool settle() const { return rates_.size() <= kMost && arrivals_ >= 0 && seconds_ >= 0; }

 private:
  void complete_minute();
  double rate_at(int64_t minute) const;  // negative: unknown

  static constexpr size_t kMost = 15 * 24 * 60;
  std::deque<uint16_t> rates_;  // coded, see the implementation; the newest is of last_minute_
  int64_t last_minute_ = 0;
  int64_t minute_ = 0;  // under way, since the epoch
  double arrivals_ = 0;
  double seconds_ = 0;
};

}  // namespace flaskscale::scaler
