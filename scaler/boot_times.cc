#include "scaler/boot_times.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kEnoughBoots = 10;   // measured boots that make the prior superfluous
constexpr size_t kPseudoSamples = 3;  // weight of the prior until then

}  // namespace

void BootTimes::add(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return;
  ring_[next_] = seconds;
  next_ = (next_ + 1) % kRing;
  count_ = std::min(count_ + 1, kRing);
  sort();
}

void BootTimes::sort() {
  sorted_ = ring_;
  std::sort(sorted_.begin(), sorted_.begin() + static_cast<std::ptrdiff_t>(count_));
}

double BootTimes::quantile(double q, double prior) const {
  const size_t pseudo = count_ < kEnoughBoots ? kPseudoSamples : 0;
  const auto total = static_cast<double>(count_ + pseudo);
  const auto rank = static_cast<size_t>(std::clamp(std::ceil(q * total), 1.0, total));
  const auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto below =
      static_cast<size_t>(std::lower_bound(sorted_.begin(), end, prior) - sorted_.begin());
  if (pseudo == 0 || rank <= below) return sorted_[rank - 1];
  if (rank <= below + pseudo) return prior;
  return sorted_[rank - pseudo - 1];
}

double BootTimes::q90(double prior) const { return std::clamp(quantile(0.9, prior), 5.0, 600.0); }

double BootTimes::median(double prior) const { return std::max(0.1, quantile(0.5, prior)); }

}  // namespace flaskscale::scaler
