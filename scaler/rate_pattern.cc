#include "scaler/rate_pattern.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr uint16_t kUnknown = 0xffff;
// A rate is kept as the logarithm of 1 + 64 times it, in steps of 0.07 %.
constexpr double kStepsPerDoubling = 1024;
constexpr double kFinest = 64;
constexpr double kLeastSeconds = 30;  // heard of a minute to make it known
constexpr int64_t kPatience = 60;     // minutes that a clock may be behind
constexpr size_t kMostPeriods = 24;
constexpr double kLeastRate = 1.0 / 60;  // arrivals per second: fewer are no pattern

uint16_t coded(double rate) {
  const double code = std::round(kStepsPerDoubling * std::log2(1 + kFinest * rate));
  return static_cast<uint16_t>(std::clamp(code, 0.0, kUnknown - 1.0));
}

double decoded(uint16_t code) { return (std::exp2(code / kStepsPerDoubling) - 1) / kFinest; }

int64_t minute_of(WallTime wall) {
  return std::chrono::floor<std::chrono::minutes>(wall).time_since_epoch().count();
}

}  // namespace

void RatePattern::add(double arrivals, double seconds, WallTime wall) {
  const int64_t minute = minute_of(wall);
  if (minute != minute_) {
    if (!rates_.empty() && minute <= last_minute_) {
      if (last_minute_ - minute < kPatience) return;
      rates_.clear();
      forget_this_minute();
    } else {
      complete_minute();
    }
    minute_ = minute;
  }
  arrivals_ += arrivals;
  seconds_ += seconds;
}

void RatePattern::complete_minute() {
  const bool known = seconds_ >= kLeastSeconds;
  if (known) {
    const int64_t skipped = rates_.empty() ? 0 : minute_ - last_minute_ - 1;
    if (skipped >= static_cast<int64_t>(kMost) || skipped < 0) {
      rates_.clear();
    } else {
      rates_.insert(rates_.end(), static_cast<size_t>(skipped), kUnknown);
    }
    rates_.push_back(coded(arrivals_ / seconds_));
    while (rates_.size() > kMost) rates_.pop_front();
    last_minute_ = minute_;
  }
  arrivals_ = seconds_ = 0;
}

double RatePattern::rate_at(int64_t minute) const {
  const int64_t age = last_minute_ - minute;
  if (age < 0 || age >= static_cast<int64_t>(rates_.size())) return -1;
  const uint16_t code = rates_[rates_.size() - 1 - static_cast<size_t>(age)];
  return code == kUnknown ? -1 : decoded(code);
}

std::optional<double> RatePattern::growth(std::chrono::minutes period, size_t fewest, size_t most,
                                          double ahead_seconds, WallTime wall) const {
  if (rates_.size() < static_cast<size_t>(period.count())) return std::nullopt;
  const int64_t now = minute_of(wall);
  const int64_t end =
      minute_of(wall + std::chrono::duration_cast<WallTime::duration>(from_seconds(ahead_seconds)));
  std::array<double, kMostPeriods> ratios{};
  size_t known = 0;
  most = std::min(most, kMostPeriods);
  for (int64_t back = period.count(); known < most; back += period.count()) {
    if (now - back <= last_minute_ - static_cast<int64_t>(rates_.size())) break;
    const double then = rate_at(now - back);
    if (then < 0) continue;
    double highest = then;
    for (int64_t minute = now + 1; minute <= end; ++minute) {
      highest = std::max(highest, rate_at(minute - back));
    }
    ratios[known++] = highest < kLeastRate ? 1 : highest / std::max(then, kLeastRate);
  }
  if (known < fewest || known == 0) return std::nullopt;
  const auto last = ratios.begin() + static_cast<std::ptrdiff_t>(known);
  const auto rank = (known * 3 + 3) / 4;  // nearest rank of 75 %
  const auto quartile = ratios.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(ratios.begin(), quartile, last);
  return std::max(1.0, *quartile);
}

}  // namespace flaskscale::scaler
