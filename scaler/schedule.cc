#include "scaler/schedule.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace flaskscale::scaler {
namespace {

constexpr auto kLookAhead = std::chrono::hours(1);
constexpr auto kLongest = std::chrono::hours(24 * 366);
constexpr auto kTick = WallTime::duration(1);

}  // namespace

Result<Schedule> Schedule::parse(const std::vector<ScheduledFloor>& floors, UtcOffset offset) {
  Schedule schedule;
  schedule.offset_ = std::move(offset);
  std::string all;
  for (const ScheduledFloor& floor : floors) {
    Result<Cron> cron = Cron::parse(floor.cron);
    if (!cron) return cron.error();
    if (floor.duration <= Duration::zero() || floor.duration > kLongest) {
      return make_error(ErrorCode::invalid_argument,
                        "cron \"" + floor.cron + "\": the duration is not within 1ms to 366d");
    }
    const auto length = std::chrono::ceil<WallTime::duration>(floor.duration);
    all +=
        floor.cron + '|' + std::to_string(length.count()) + '|' + std::to_string(floor.min) + '\n';
    schedule.windows_.push_back({*std::move(cron), length, floor.min});
  }
  schedule.fingerprint_ = std::hash<std::string>{}(all) | 1;
  return schedule;
}

Schedule::Floor Schedule::floor(WallTime wall, double ahead_seconds) const {
  const auto ahead = std::chrono::ceil<WallTime::duration>(
      std::chrono::duration<double>(std::max(0.0, ahead_seconds)));
  Floor floor{0, wall + kLookAhead};
  for (const Window& window : windows_) {
    // The first beginning whose window isn't over yet.
    const auto begin =
        window.cron.next(wall - window.length + kTick, wall + ahead + kLookAhead + kTick, offset_);
    if (!begin) continue;
    if (*begin > wall + ahead) {
      floor.until = std::min(floor.until, *begin - ahead);
    } else {
      floor.min = std::max(floor.min, window.min);
      floor.until = std::min(floor.until, *begin + window.length);
    }
  }
  floor.until = std::max(floor.until, wall + kTick);
  return floor;
}

uint32_t ScheduleWatch::floor(const Schedule& schedule, WallTime wall, double ahead_seconds) {
  if (schedule.is_empty()) return 0;
  const bool is_known = fingerprint_ == schedule.fingerprint() && ahead_seconds_ == ahead_seconds &&
                        wall >= asked_at_ && wall < floor_.until;
  if (!is_known) {
    floor_ = schedule.floor(wall, ahead_seconds);
    asked_at_ = wall;
    ahead_seconds_ = ahead_seconds;
    fingerprint_ = schedule.fingerprint();
  }
  return floor_.min;
}

}  // namespace flaskscale::scaler
