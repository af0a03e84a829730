#include "simulator/calm_flow.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "simulator/sampling.h"

namespace flaskscale::simulator {
namespace {

// Square-root staffing below which waits are common and last: such seconds are simulated one
// request at a time.
constexpr double kLeastSpare = 1.5;
constexpr double kAmpleSpare = 6;  // nobody waits
constexpr double kNegligible = 1e-8;
constexpr double kFewSlots = 64;

double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_below(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

// By the recursion of Erlang B.
double erlang_c(double slots, double load) {
  double blocked = 1;
  for (double k = 1; k <= slots; k += 1) blocked = load * blocked / (k + load * blocked);
  return blocked / (1 - load / slots * (1 - blocked));
}

}  // namespace

WaitOdds wait_odds(double slots, double load, double service_seconds) {
  if (!(load > 0)) return {0, 0};
  if (load >= slots) return {1, 1e9};
  WaitOdds odds;
  odds.mean_seconds = service_seconds / (slots - load);
  const double spare = (slots - load) / std::sqrt(load);
  if (slots <= kFewSlots) {
    odds.waits = erlang_c(slots, load);
  } else if (spare > kAmpleSpare) {
    odds.waits = 0;
  } else {
    // Halfin and Whitt's limit for many servers.
    odds.waits = 1 / (1 + spare * normal_below(spare) / normal_density(spare));
  }
  return odds;
}

bool is_calm(double slots, double load, double service_seconds, double slo_wait) {
  if (!(load > 0)) return true;
  if (slots - load < kLeastSpare * std::sqrt(load)) return false;
  const WaitOdds odds = wait_odds(slots, load, service_seconds);
  return odds.waits * std::exp(-slo_wait / odds.mean_seconds) < kNegligible;
}

void CalmFlow::second(double rate, double service_seconds, double slots, Tally& tally) {
  const double s = service_seconds;
  const bool constant = spread_ == ServiceTimes::Spread::constant;
  // The shares of those in flight, and of those that come, that are still there a second later.
  const double still = constant ? std::max(0.0, 1 - 1 / s) : std::exp(-1 / s);
  const double stays = constant ? std::min(s, 1.0) : s * (1 - std::exp(-1 / s));
  const uint64_t fresh = poisson(random_, rate);
  const uint64_t before = in_flight_;
  in_flight_ = binomial(random_, before, still) + binomial(random_, fresh, stays);
  const auto ended = static_cast<double>(before + fresh - in_flight_);

  counters_.arrivals += static_cast<double>(fresh);
  counters_.completions += ended;
  const double spread = constant ? 0 : s * std::sqrt(ended) * standard_normal(random_);
  counters_.holding_seconds += std::max(0.0, ended * s + spread);
  const double load = rate * s;
  const auto start = static_cast<double>(before);
  counters_.in_flight_seconds += constant ? (start + static_cast<double>(in_flight_)) / 2
                                          : load + (start - load) * s * (1 - std::exp(-1 / s));
  tally.requests += static_cast<double>(fresh);
  const WaitOdds odds = wait_odds(slots, load, s);
  if (odds.waits > 0) {
    tally.waits.add_exponential(static_cast<double>(fresh), odds.waits, odds.mean_seconds);
  } else {
    tally.waits.add(0, static_cast<double>(fresh));
  }
}

}  // namespace flaskscale::simulator
