// The results of many runs, as medians over the seeds.
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/simulation.h"

namespace flaskscale::bench {

struct Figures {
  double late = 0;      // %
  double dropped = 0;   // %
  double wait_p99 = 0;  // s
  double hours = 0;
  double times_clairvoyant = 0;
  double actions = 0;
  double reversals = 0;
  double started = 0;
  double peak = 0;
  double killed = 0;     // the worst run's
  double idle_slot = 0;  // the worst run's
};

// Field by field.
Figures median_of(const std::vector<simulator::SimulationResult>& runs, double clairvoyant_hours);

}  // namespace flaskscale::bench
