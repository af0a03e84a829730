#include "scaler/calibration.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr double kBinsPerUnit = 400;  // from 1 up; bin 0 is what was not exceeded
constexpr double kRelativeSteps = 1000;

}  // namespace

void Calibration::add(double exceeded, double relative) {
  if (!std::isfinite(exceeded) || !std::isfinite(relative) || exceeded < 0 || relative <= 0) return;
  const double bin = std::clamp(std::ceil((exceeded - 1) * kBinsPerUnit), 0.0, kBins - 1.0);
  const double coded = std::clamp(std::round(relative * kRelativeSteps), 1.0, 65535.0);
  samples_.push_back(static_cast<uint16_t>(bin));
  samples_.push_back(static_cast<uint16_t>(coded));
  count(samples_.size() - 2, 1);
  if (samples_.size() <= 2 * kMost) return;
  count(0, -1);
  samples_.erase(samples_.begin(), samples_.begin() + 2);
}

void Calibration::count(size_t first, int32_t by) {
  uint16_t& bin = bins_[samples_[first]];
  bin = static_cast<uint16_t>(bin + by);
  if (by > 0) {
    relatives_ += samples_[first + 1];
  } else {
    relatives_ -= samples_[first + 1];
  }
}

double Calibration::headroom(double q) const {
  const auto rank = std::ceil(q * static_cast<double>(known()));
  double below = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    below += bins_[bin];
    if (below >= rank) return 1 + static_cast<double>(bin) / kBinsPerUnit;
  }
  return 1 + static_cast<double>(kBins) / kBinsPerUnit;
}

double Calibration::mean_relative() const {
  if (known() == 0) return 1;
  return static_cast<double>(relatives_) / kRelativeSteps / static_cast<double>(known());
}

bool Calibration::settle() {
  if (samples_.size() % 2 != 0 || samples_.size() > 2 * kMost) return false;
  bins_.fill(0);
  relatives_ = 0;
  for (size_t i = 0; i < samples_.size(); i += 2) {
    if (samples_[i] >= kBins) return false;
    count(i, 1);
  }
  return true;
}

}  // namespace flaskscale::scaler
