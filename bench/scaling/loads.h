// The loads that the laws are compared on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "simulator/simulation.h"
#include "simulator/workload.h"

namespace flaskscale::bench {

// The plant that all loads run on.
inline constexpr uint32_t kSlots = 10;
inline constexpr double kServiceSeconds = 0.2;
inline constexpr double kRequestsPerSecond = kSlots / kServiceSeconds;  // of one instance
inline constexpr uint32_t kMostInstances = 100;

struct Load {
  std::string name;  // one word, for --load
  std::string title;
  simulator::Workload workload;
  uint32_t min = 1;
  std::vector<simulator::SimulationSettings::Crash> crashes;
  std::vector<std::pair<double, double>> stockouts;
  std::vector<std::pair<double, double>> blind;
};

// All that need no file.
std::vector<Load> synthetic_loads();

// First day of the NAB trace, scaled so that the 99th percentile of the whole trace is 30 instances
// at full use.
Result<Load> nab_load(const std::string& folder);
// 1998-06-30, scaled so that its largest minute is 50 instances at full use.
Result<Load> worldcup_load(const std::string& folder);

}  // namespace flaskscale::bench
