#include "simulator/gce_law.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace flaskscale::simulator {
namespace {

constexpr double kGceInterval = 15;
constexpr double kWindow = 60;

}  // namespace

GceLaw::GceLaw(const Settings& settings)
    : settings_(settings), busy_(kWindow), recommended_(from_seconds(settings.stabilization)) {}

uint32_t GceLaw::wanted(const LawView& view) {
  const Time now = Time{} + from_seconds(view.now);
  if (!begun_) {
    begun_ = true;
    recommended_.add(view.ready, now);
  }
  busy_.add(view.now, view.in_flight / view.slots);
  if (view.now >= next_) {
    next_ = view.now + kGceInterval;
    recommended_.add(whole(busy_.mean() / settings_.utilization), now);
    const double size = recommended_.max(from_seconds(settings_.stabilization), now);
    wanted_ = static_cast<uint32_t>(std::max(size, 1.0));
  }
  return wanted_;
}

}  // namespace flaskscale::simulator
