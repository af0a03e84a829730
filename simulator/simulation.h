// One run: a workload, a pool, a cloud, and what scales it, second by second.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "balancer/settings.h"
#include "simulator/pool_bridge.h"
#include "simulator/scaling_driver.h"
#include "simulator/simulated_provider.h"
#include "simulator/tally.h"
#include "simulator/timeline.h"
#include "simulator/traffic.h"
#include "simulator/workload.h"

namespace flaskscale::simulator {

struct SimulationSettings {
  balancer::PoolSettings pool;
  CloudSettings cloud;
  HoldRule hold = HoldRule::always;
  Detail detail = Detail::automatic;
  double slo_wait = 0.5;    // seconds; who waits longer is late
  uint32_t begin_with = 1;  // instances that serve at the start
  struct Crash {
    double at = 0;     // seconds from the start
    double share = 0;  // of the instances that serve
  };
  std::vector<Crash> crashes;                    // in order of time
  std::vector<std::pair<double, double>> blind;  // within these nothing is known of the load
  size_t timeline_points = 0;                    // 0: no timeline is kept
  uint64_t seed = 1;                             // decides everything
};

struct SimulationResult {
  Tally tally;
  double seconds = 0;
  double instance_seconds = 0;        // from the create call until the machine is gone
  uint64_t actions = 0;               // seconds in which the number of instances was changed
  uint64_t reversals = 0;             // actions in the other direction than the one before
  uint64_t started = 0;               // machines made
  uint64_t refused = 0;               // machines that could not be had
  uint32_t peak = 0;                  // machines at a time, all that cost something
  uint64_t killed = 0;                // requests in flight at instances that were taken away
  double idle_slot_while_queued = 0;  // seconds, must be 0
  uint64_t calm_seconds = 0;
  Timeline timeline;
};

// One thread; runs are independent of each other. The workload is borrowed for the call.
SimulationResult simulate(const SimulationSettings& settings, const Workload& workload,
                          const DriverFactory& make_driver);

}  // namespace flaskscale::simulator
