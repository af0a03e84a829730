// Requests in bulk, for seconds in which nearly all of them get a slot at once.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "simulator/tally.h"
#include "simulator/workload.h"

namespace flaskscale::simulator {

// How likely a request is to wait, and how long then, with `slots` servers of exponential service
// times at an offered load of `load` busy slots (M/M/c, Erlang C).
struct WaitOdds {
  double waits = 1;         // probability
  double mean_seconds = 0;  // of those that wait
};
WaitOdds wait_odds(double slots, double load, double service_seconds);

// Whether a second with this load can be taken in bulk: hardly anybody waits, and nobody longer
// than `slo_wait` but one in 10^8.
bool is_calm(double slots, double load, double service_seconds, double slo_wait);

// The number in flight as a process of its own, exact as long as slots do not run out.
class CalmFlow {
 public:
  // Cumulative.
  struct Counters {
    double arrivals = 0;
    double completions = 0;
    double holding_seconds = 0;
    double in_flight_seconds = 0;
  };

  CalmFlow(ServiceTimes::Spread spread, uint64_t seed) : spread_(spread), random_(seed) {}

  // The next second: arrivals at `rate`, service times of this mean. May leave more in flight than
  // there are slots: those wait.
  void second(double rate, double service_seconds, double slots, Tally& tally);

  uint64_t in_flight() const { return in_flight_; }
  void begin_with(uint64_t in_flight) { in_flight_ = in_flight; }
  const Counters& counters() const { return counters_; }
  Counters& counters() { return counters_; }
  Random& random() { return random_; }

 private:
  const ServiceTimes::Spread spread_;
  Random random_;
  uint64_t in_flight_ = 0;
  Counters counters_;
};

}  // namespace flaskscale::simulator
