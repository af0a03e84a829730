// The compiled configuration that workers serve by: immutable, replaced as a whole by a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "balancer/pool.h"
#include "balancer/traffic_counters.h"
#include "base/ip_address.h"
#include "proxy/config/model.h"
#include "proxy/config/router.h"

namespace flaskscale::forward {

// The live part of a pool. It belongs to the server's registry, is found by name and outlives
// reloads; snapshots and workers share it, because either may be the last to let go.
struct PoolRuntime {
  PoolRuntime(std::string name, const balancer::PoolSettings& settings, uint16_t workers)
      : pool(std::move(name), settings, workers), counters(workers) {}

  balancer::Pool pool;
  std::vector<balancer::TrafficCounters> counters;  // one for each worker, written by it alone
};

struct PoolEntry {
  std::shared_ptr<PoolRuntime> runtime;
  Duration keepalive_idle{};
};

struct ListenerEntry {
  std::string name;
  std::vector<IpNetwork> trusted_proxies;
};

struct Snapshot {
  uint64_t generation = 0;
  uint32_t max_connections = 0;
  config::LimitsModel limits;
  config::TimeoutsModel timeouts;
  config::Router router;
  std::vector<size_t> pool_of_route;  // index into pools, by route
  std::vector<PoolEntry> pools;
  std::vector<ListenerEntry> listeners;
};

}  // namespace flaskscale::forward
