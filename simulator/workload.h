// What a simulation's clients do.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "simulator/load_curve.h"

namespace flaskscale::simulator {

struct ServiceTimes {
  enum class Spread : uint8_t { exponential, constant };
  // From `from` on (seconds from the start) the mean is this many seconds, > 0.
  struct Step {
    double from = 0;
    double mean = 0.2;
  };

  Spread spread = Spread::exponential;
  std::vector<Step> steps = {{}};  // not empty, in order of time; the first from 0

  double mean_at(double at) const {
    double mean = steps.front().mean;
    for (const Step& step : steps) {
      if (step.from <= at) mean = step.mean;
    }
    return mean;
  }
};

// A request as it was once seen.
struct RecordedRequest {
  double at = 0;       // seconds from the start
  double service = 0;  // how long it holds a slot, seconds; below 0: unknown
};

struct Workload {
  double seconds = 0;  // a whole number
  WallTime begins{};   // the calendar's time of the start
  LoadCurve rate;      // Poisson arrivals
  ServiceTimes service;
  // Not empty: these arrive, in order of time, and `rate` is only what they amount to.
  std::vector<RecordedRequest> requests;
};

}  // namespace flaskscale::simulator
