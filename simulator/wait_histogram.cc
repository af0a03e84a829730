#include "simulator/wait_histogram.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::simulator {
namespace {

constexpr double kLeast = 1e-3;
constexpr double kGrowth = 1.06;
constexpr double kNegligibleRequests = 1e-5;  // requests

}  // namespace

double WaitHistogram::upper(size_t step) {
  static const auto kUppers = [] {
    std::array<double, kSteps> uppers{};
    double bound = kLeast;
    for (double& upper : uppers) upper = bound *= kGrowth;
    return uppers;
  }();
  return kUppers[step];
}

void WaitHistogram::add(double seconds, double requests) {
  total_ += requests;
  if (!(seconds >= kLeast)) {
    at_once_ += requests;
    return;
  }
  const double step = std::log(seconds / kLeast) / std::log(kGrowth);
  steps_[std::min(static_cast<size_t>(step), kSteps - 1)] += requests;
}

void WaitHistogram::add_exponential(double requests, double waiting, double mean_seconds) {
  total_ += requests;
  double left = requests * waiting * std::exp(-kLeast / mean_seconds);
  at_once_ += requests - left;
  for (size_t step = 0; step < kSteps && left > kNegligibleRequests; ++step) {
    const double beyond = requests * waiting * std::exp(-upper(step) / mean_seconds);
    steps_[step] += left - beyond;
    left = beyond;
  }
  at_once_ += left;  // so that the sum stays right
}

double WaitHistogram::quantile(double q) const {
  double wanted = q * total_ - at_once_;
  if (!(wanted > 0)) return 0;
  for (size_t step = 0; step < kSteps; ++step) {
    if (steps_[step] >= wanted) {
      const double lower = upper(step) / kGrowth;
      return lower + (upper(step) - lower) * wanted / steps_[step];
    }
    wanted -= steps_[step];
  }
  return upper(kSteps - 1);
}

}  // namespace flaskscale::simulator
