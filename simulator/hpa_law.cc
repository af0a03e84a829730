#include "simulator/hpa_law.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/time.h"

namespace flaskscale::simulator {
namespace {

constexpr double kHpaInterval = 15;
constexpr double kTolerance = 0.1;
constexpr double kGrowthFactor = 2;
constexpr double kGrowthPods = 4;
constexpr double kMetricWindow = 15;  // of a pods metric
constexpr Duration kStabilization = std::chrono::seconds(300);

}  // namespace

HpaLaw::HpaLaw(const Settings& settings)
    : settings_(settings), in_flight_(kMetricWindow), wishes_(kStabilization) {}

double HpaLaw::asked_by_average(double total, double target, double pods) {
  const double ratio = pods > 0 ? total / (target * pods) : 2;
  return std::abs(1 - ratio) <= kTolerance ? pods : whole(total / target);
}

// A pod that is not ready counts as idle where the metric asks for more; the answer stands only if
// it still asks for more then.
double HpaLaw::asked_per_pod(double in_flight, double ready, double pods, double target) {
  if (ready <= 0) return pods;
  const double ratio = in_flight / ready / target;
  if (std::abs(1 - ratio) <= kTolerance) return pods;
  if (ratio < 1 || pods <= ready) return whole(ratio * ready);
  const double corrected = in_flight / pods / target;
  if (corrected <= 1 + kTolerance) return pods;
  return whole(corrected * pods);
}

uint32_t HpaLaw::wanted(const LawView& view) {
  in_flight_.add(view.now, view.in_flight);
  const double total = view.in_flight + view.waiting;
  if (total > 0) busy_at_ = view.now;
  const double pods = view.ready + view.booting;
  const bool average = settings_.metric == Metric::average_value;
  if (average && view.min == 0) {
    // KEDA's own part: between none and one.
    if (total > 0 && pods == 0) return wanted_ = 1;
    if (view.now - busy_at_ >= settings_.cool_down) return wanted_ = 0;
  }
  if (view.now < next_) return wanted_;
  next_ = view.now + kHpaInterval;
  const double target = settings_.utilization * view.slots;
  const double asked = average ? asked_by_average(total, target, pods)
                               : asked_per_pod(in_flight_.mean(), view.ready, pods, target);
  const double most = std::max(kGrowthFactor * pods, pods + kGrowthPods);
  const Time now = Time{} + from_seconds(view.now);
  wishes_.add(asked, now);
  double wish = asked;
  if (wish < pods) wish = std::min(pods, wishes_.max(kStabilization, now));
  const double least = std::max(1.0, static_cast<double>(view.min));
  return wanted_ = static_cast<uint32_t>(std::max(std::min(wish, most), least));
}

}  // namespace flaskscale::simulator
