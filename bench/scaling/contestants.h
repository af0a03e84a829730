// Who is compared: our law at each dial, and the others.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/scaling/loads.h"
#include "simulator/clairvoyant.h"
#include "simulator/scaling_driver.h"
#include "simulator/simulation.h"

namespace flaskscale::bench {

struct Contestant {
  std::string name;  // one word, for --law
  std::string title;
  bool ours = false;
  double availability = 0;  // ours
  std::function<simulator::DriverFactory(const Load& load)> driver;
  // Instances that serve at the start; none: what the load asks for then.
  std::function<uint32_t(const Load& load)> begin_with;
};

std::vector<Contestant> contestants();

// The load's own service times are known beforehand, too.
simulator::Clairvoyant clairvoyant_of(const Load& load);

// The run of one of them; `order` is the queue's.
simulator::SimulationSettings settings_for(const Load& load, const Contestant& contestant,
                                           balancer::QueueOrder order, uint64_t seed);

}  // namespace flaskscale::bench
