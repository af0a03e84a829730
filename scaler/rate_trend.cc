#include "scaler/rate_trend.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr double kBucketSeconds = 5;
constexpr size_t kFewest = 3;

}  // namespace

bool RateTrend::add(double arrivals, double seconds, Time now) {
  arrivals_ += arrivals;
  seconds_ += seconds;
  if (seconds_ < kBucketSeconds - 0.5) return false;
  buckets_.push_back({now - from_seconds(seconds_ / 2), arrivals_ / seconds_});
  if (buckets_.size() > kMost) buckets_.pop_front();
  arrivals_ = seconds_ = 0;
  return true;
}

void RateTrend::clear() {
  buckets_.clear();
  arrivals_ = seconds_ = 0;
}

double RateTrend::sure_slope(double span_seconds) const {
  const auto wanted = static_cast<size_t>(
      std::clamp(std::ceil(span_seconds / kBucketSeconds), double{kFewest}, double{kMost}));
  if (buckets_.size() < wanted) return 0;
  const auto n = static_cast<double>(wanted);
  const auto first = buckets_.end() - static_cast<std::ptrdiff_t>(wanted);
  double mean_x = 0;
  double mean_y = 0;
  for (auto bucket = first; bucket != buckets_.end(); ++bucket) {
    mean_x += to_seconds(bucket->middle - first->middle) / n;
    mean_y += bucket->rate / n;
  }
  double xx = 0;
  double xy = 0;
  double yy = 0;
  for (auto bucket = first; bucket != buckets_.end(); ++bucket) {
    const double x = to_seconds(bucket->middle - first->middle) - mean_x;
    const double y = bucket->rate - mean_y;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  if (!(xx > 0)) return 0;
  const double slope = xy / xx;
  const double residual = std::max(0.0, yy - slope * xy) / (n - 2);
  const double variance = std::max(residual, mean_y / kBucketSeconds);
  return std::max(0.0, slope - std::sqrt(variance / xx));
}

}  // namespace flaskscale::scaler
