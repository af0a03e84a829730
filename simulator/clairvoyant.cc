#include "simulator/clairvoyant.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::simulator {

uint32_t wait_free_need(double rate, const ClairvoyantSettings& settings) {
  double need = 0;
  if (rate > 0) {
    need = std::max(1.0, std::ceil((rate + 2 * std::sqrt(rate)) / settings.requests_per_second));
  }
  const double most = std::max(settings.min, settings.max);
  return static_cast<uint32_t>(std::clamp(need, static_cast<double>(settings.min), most));
}

void Clairvoyant::add_second(double rate) {
  const uint32_t need = wait_free_need(rate, settings_);
  const bool first = seconds_ == 0;
  for (uint32_t level = need_; level < need; ++level) {
    if (level < needed_until_.size()) {
      instance_seconds_ += std::min(seconds_ - needed_until_[level], settings_.boot_seconds);
    } else {
      needed_until_.push_back(seconds_);
      if (!first) instance_seconds_ += settings_.boot_seconds;
    }
  }
  for (uint32_t level = need; level < need_; ++level) needed_until_[level] = seconds_;
  instance_seconds_ += need;
  need_ = need;
  peak_ = std::max(peak_, need);
  seconds_ += 1;
}

Clairvoyant clairvoyant_of(const LoadCurve& curve, double seconds,
                           const ClairvoyantSettings& settings) {
  Clairvoyant result(settings);
  LoadCurveReader reader(curve);
  for (double at = 0; at < seconds; at += 1) result.add_second(reader.span(at, at + 1).mean);
  return result;
}

}  // namespace flaskscale::simulator
