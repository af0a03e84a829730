// The least number of instances that the calendar asks for.
#pragma once

#include <cstdint>
#include <vector>

#include "base/cron.h"
#include "base/result.h"
#include "base/time.h"
#include "scaler/policy.h"

namespace flaskscale::scaler {

// Immutable. Several floors at once: the highest counts. How changes of the clock are met is told
// in base/cron.h; a window lasts its duration in real time.
class Schedule {
 public:
  Schedule() = default;  // asks for nothing
  // The error says which floor is wrong and where. `offset` is the clock that the floors follow.
  static Result<Schedule> parse(const std::vector<ScheduledFloor>& floors, UtcOffset offset);

  struct Floor {
    uint32_t min = 0;
    WallTime until{};  // from the time that was asked for on, it stays so until then
  };
  // The highest floor within [wall, wall + ahead]. Needs some microseconds: ask again only when
  // `until` has come or `ahead` has changed.
  Floor floor(WallTime wall, double ahead_seconds) const;

  bool is_empty() const { return windows_.empty(); }
  // Differs between schedules that differ; never 0.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  struct Window {
    Cron cron;
    WallTime::duration length;
    uint32_t min;
  };
  std::vector<Window> windows_;
  UtcOffset offset_;
  uint64_t fingerprint_ = 1;
};

// The floor of one schedule followed over time: Schedule::floor() asked no more often than needed.
class ScheduleWatch {
 public:
  uint32_t floor(const Schedule& schedule, WallTime wall, double ahead_seconds);

 private:
  Schedule::Floor floor_;
  WallTime asked_at_{};
  double ahead_seconds_ = -1;
  uint64_t fingerprint_ = 0;
};

}  // namespace flaskscale::scaler
