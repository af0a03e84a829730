#include "scaler/boot_times.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace flaskscale::scaler {
namespace {

constexpr size_t kEnough = 10;        // measured boots that make the prior superfluous
constexpr size_t kPseudoSamples = 3;  // weight of the prior until then

}  // namespace

void BootTimes::add(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return;
  ring_[next_] = seconds;
  next_ = (next_ + 1) % kRing;
  count_ = std::min(count_ + 1, kRing);
}

double BootTimes::quantile(double q, double prior) const {
  std::vector<double> sorted(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(count_));
  if (count_ < kEnough) sorted.insert(sorted.end(), kPseudoSamples, prior);
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  return sorted[std::min(static_cast<size_t>(std::max(1.0, rank)), sorted.size()) - 1];
}

double BootTimes::q90(double prior) const { return std::clamp(quantile(0.9, prior), 5.0, 600.0); }

double BootTimes::median(double prior) const { return std::max(0.1, quantile(0.5, prior)); }

}  // namespace flaskscale::scaler
