#include "proxy/server/snapshot_builder.h"

#include <algorithm>
#include <map>

#include "base/check.h"

namespace flaskscale::server {
namespace {

balancer::Policy policy_of(config::BalancePolicy policy) {
  switch (policy) {
    case config::BalancePolicy::least_connections:
      return balancer::Policy::least_connections;
    case config::BalancePolicy::round_robin:
      return balancer::Policy::round_robin;
    case config::BalancePolicy::random_two:
      return balancer::Policy::random_two;
  }
  return balancer::Policy::least_connections;
}

}  // namespace

balancer::PoolSettings pool_settings(const config::PoolModel& pool) {
  balancer::PoolSettings settings;
  settings.policy = policy_of(pool.balance);
  settings.slots = pool.slots == 0 ? balancer::kUnlimitedSlots : pool.slots;
  settings.queue_limit = pool.queue.limit;
  settings.queue_bytes = pool.queue.bytes;
  settings.queue_timeout = pool.queue.timeout;
  settings.queue_order = pool.queue.order == config::QueueOrder::adaptive
                             ? balancer::QueueOrder::adaptive
                             : balancer::QueueOrder::fifo;
  settings.slow_after = pool.queue.slow_after;
  settings.slow_start = pool.slow_start;
  settings.health_rise = pool.health.rise;
  settings.health_fall = pool.health.fall;
  settings.retry_budget = pool.retry.budget;
  // The loss of one backend must not exhaust it: what was in flight there goes elsewhere.
  settings.retry_floor = std::max(pool.retry.floor, pool.slots);
  return settings;
}

std::vector<IpNetwork> trusted_networks(const config::ListenerModel& listener) {
  std::vector<IpNetwork> networks;
  for (const auto& text : listener.trusted_proxies) {
    auto network = IpNetwork::parse(text);
    FS_CHECK(network.has_value());
    networks.push_back(*network);
  }
  return networks;
}

std::shared_ptr<const forward::Snapshot> build_snapshot(
    const config::Model& model, uint64_t generation, std::vector<forward::ListenerEntry> listeners,
    const std::function<std::shared_ptr<forward::PoolRuntime>(const std::string& pool)>&
        runtime_of) {
  std::vector<forward::PoolEntry> pools;
  std::map<std::string, size_t> index_of;
  for (const auto& [name, pool] : model.pools) {
    index_of[name] = pools.size();
    pools.push_back({runtime_of(name), pool.keepalive_idle});
  }
  std::vector<size_t> pool_of_route;
  for (const auto& route : model.routes) pool_of_route.push_back(index_of.at(route.pool));
  return std::make_shared<const forward::Snapshot>(
      forward::Snapshot{generation, model.server.max_connections, model.limits, model.timeouts,
                        config::Router(model.routes), std::move(pool_of_route), std::move(pools),
                        std::move(listeners)});
}

}  // namespace flaskscale::server
