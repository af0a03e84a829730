#include "simulator/target_tracking_law.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::simulator {
namespace {

constexpr double kAlarmPeriod = 60;
constexpr double kInBelow = 0.9;  // of the target
constexpr double kInShare = 0.1;  // of the size, per minute

}  // namespace

uint32_t TargetTrackingLaw::wanted(const LawView& view) {
  if (minute_ends_ < 0) {
    minute_ends_ = view.now + kAlarmPeriod;
    wanted_ = view.ready + view.booting;
  }
  busy_seconds_ += view.in_flight / view.slots;
  ready_seconds_ += view.ready;
  if (view.now >= minute_ends_) {
    if (ready_seconds_ > 0) on_minute(busy_seconds_ / ready_seconds_, view);
    minute_ends_ = view.now + kAlarmPeriod;
    busy_seconds_ = ready_seconds_ = 0;
  }
  return std::max(wanted_, 1U);
}

void TargetTrackingLaw::on_minute(double utilization, const LawView& view) {
  above_ = utilization > settings_.utilization ? above_ + 1 : 0;
  below_ = utilization < kInBelow * settings_.utilization ? below_ + 1 : 0;
  const double asked = whole(view.ready * utilization / settings_.utilization);
  const double planned = view.ready + view.booting;
  if (above_ >= settings_.out_after) {
    wanted_ = static_cast<uint32_t>(std::max({asked, planned, static_cast<double>(wanted_)}));
  } else if (below_ >= settings_.in_after) {
    const double step = std::max(1.0, std::floor(kInShare * planned));
    wanted_ = static_cast<uint32_t>(std::max({asked, planned - step, 1.0}));
  }
}

}  // namespace flaskscale::simulator
