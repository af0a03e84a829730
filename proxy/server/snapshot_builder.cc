#include "proxy/server/snapshot_builder.h"

#include <algorithm>
#include <chrono>
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
    case config::BalancePolicy::consistent_hash:
      return balancer::Policy::consistent_hash;
  }
  return balancer::Policy::least_connections;
}

// Another for each pool: what one pool's cookie says is nothing to another.
HashKey sticky_key_of(const config::PoolModel& pool) {
  const std::string text = pool.name + "\n" + pool.sticky_secret;
  return {keyed_hash({1, 2}, text), keyed_hash({3, 4}, text)};
}

forward::PoolTraits traits_of(const config::PoolModel& pool) {
  forward::PoolTraits traits;
  traits.hashes = pool.balance == config::BalancePolicy::consistent_hash;
  traits.hash_on = pool.hash_on;
  traits.sticky_cookie = pool.sticky_cookie;
  traits.sticky_key = sticky_key_of(pool);
  traits.proxy_protocol = forward::proxy_protocol_of(pool.proxy_protocol);
  traits.h2c = pool.protocol == config::BackendProtocol::h2c;
  return traits;
}

}  // namespace

balancer::PoolSettings pool_settings(const config::PoolModel& pool) {
  balancer::PoolSettings settings;
  settings.policy = policy_of(pool.balance);
  if (!pool.sticky_cookie.empty()) settings.sticky_key = sticky_key_of(pool);
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
    if (text == "unix") continue;
    auto network = IpNetwork::parse(text);
    FS_CHECK(network.has_value());
    networks.push_back(*network);
  }
  return networks;
}

forward::ListenerEntry listener_entry(const config::ListenerModel& listener) {
  forward::ListenerEntry entry;
  entry.name = listener.name;
  entry.trusted_proxies = trusted_networks(listener);
  entry.trusts_unix = std::find(listener.trusted_proxies.begin(), listener.trusted_proxies.end(),
                                "unix") != listener.trusted_proxies.end();
  entry.proxy_protocol = listener.proxy_protocol;
  entry.http2 = listener.http2;
  if (listener.hsts) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(listener.hsts->max_age);
    entry.hsts = "max-age=" + std::to_string(seconds.count());
    if (listener.hsts->include_subdomains) entry.hsts += "; includeSubDomains";
    if (listener.hsts->preload) entry.hsts += "; preload";
  }
  return entry;
}

std::shared_ptr<const forward::Snapshot> build_snapshot(
    const config::Model& model, uint64_t generation, std::vector<forward::ListenerEntry> listeners,
    const std::function<std::shared_ptr<forward::PoolRuntime>(const std::string& pool)>& runtime_of,
    const std::function<std::shared_ptr<const net::TlsClientContext>(const std::string& pool)>&
        backend_tls_of) {
  std::vector<forward::PoolEntry> pools;
  std::map<std::string, size_t> index_of;
  for (const auto& [name, pool] : model.pools) {
    index_of[name] = pools.size();
    pools.push_back({runtime_of(name), pool.keepalive_idle, traits_of(pool)});
    pools.back().traits.tls = backend_tls_of(name);
  }
  std::vector<forward::RouteEntry> routes;
  for (const auto& route : model.routes) {
    const size_t pool = route.pool.empty() ? forward::RouteEntry::kNoPool : index_of.at(route.pool);
    routes.push_back({pool, forward::RouteAction(route)});
  }
  const bool tells_ends = std::any_of(model.pools.begin(), model.pools.end(), [](const auto& pool) {
    return pool.second.proxy_protocol != config::ProxyProtocolOut::none;
  });
  return std::make_shared<const forward::Snapshot>(
      forward::Snapshot{generation, model.server.max_connections, model.limits, model.timeouts,
                        config::Router(model.routes), std::move(routes), std::move(pools),
                        std::move(listeners), tells_ends});
}

}  // namespace flaskscale::server
