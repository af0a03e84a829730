#include "simulator/sampling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace flaskscale::simulator {
namespace {

constexpr double kLargeMean = 40;
constexpr uint64_t kSmallCount = 20;

uint64_t rounded(double value) {
  return value > 0 ? static_cast<uint64_t>(std::llround(value)) : 0;
}

}  // namespace

double exponential(Random& random, double mean) { return -mean * std::log(1 - random.unit()); }

double standard_normal(Random& random) {
  const double radius = std::sqrt(exponential(random, 2));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

uint64_t poisson(Random& random, double mean) {
  if (!(mean > 0)) return 0;
  if (mean > kLargeMean) return rounded(mean + std::sqrt(mean) * standard_normal(random));
  const double end = std::exp(-mean);
  double product = random.unit();
  uint64_t count = 0;
  while (product > end) {
    product *= random.unit();
    ++count;
  }
  return count;
}

uint64_t binomial(Random& random, uint64_t n, double p) {
  if (n == 0 || !(p > 0)) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  if (n <= kSmallCount) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < n; ++i) count += random.unit() < p ? 1U : 0U;
    return count;
  }
  const double mean = static_cast<double>(n) * p;
  if (mean <= kLargeMean) {
    // The gaps between successes are geometric: one draw a success.
    const double log_failure = std::log1p(-p);
    uint64_t count = 0;
    double at = 0;
    while (true) {
      at += std::floor(std::log(1 - random.unit()) / log_failure) + 1;
      if (at > static_cast<double>(n)) return count;
      ++count;
    }
  }
  return std::min(n, rounded(mean + std::sqrt(mean * (1 - p)) * standard_normal(random)));
}

}  // namespace flaskscale::simulator
