// What the standings say of the goals: is any other law better, and are the figures reached?
#pragma once

#include <string>
#include <vector>

#include "balancer/settings.h"
#include "bench/scaling/contestants.h"
#include "bench/scaling/loads.h"
#include "bench/scaling/standings.h"

namespace flaskscale::bench {

struct Standing {
  const Load* load = nullptr;
  const Contestant* contestant = nullptr;
  balancer::QueueOrder order = balancer::QueueOrder::fifo;
  Figures figures;
};

// "fifo" or "adaptive".
std::string to_string(balancer::QueueOrder order);

// Of our law at the default dial, by load and queue; where a goal is missed, all laws by their cost
// (the frontier).
std::string verdicts_of(const std::vector<Standing>& standings);

}  // namespace flaskscale::bench
