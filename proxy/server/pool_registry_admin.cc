// What operators see of the pools, and what they may do to their backends.
#include <algorithm>
#include <utility>

#include "proxy/server/pool_registry.h"

namespace flaskscale::server {

std::vector<admin::PoolStatus> PoolRegistry::status(Time now) const {
  std::vector<admin::PoolStatus> result;
  for (const auto& [name, host] : hosts_) result.push_back(status_of(*host, now));
  return result;
}

admin::PoolStatus PoolRegistry::status_of(const Host& host, Time now) const {
  const balancer::Pool& pool = host.runtime->pool;
  admin::PoolStatus status;
  status.name = pool.name();
  status.settings = pool.settings();
  status.load = pool.read_load(now);
  for (const auto& counters : host.runtime->counters) counters.add_to(status.traffic);
  status.predicted_wait_seconds = pool.predicted_wait_seconds(now);
  status.idle_slot_while_queued_seconds = pool.idle_slot_while_queued_seconds();
  std::map<std::string, std::string> instance_at;
  if (host.scaling) {
    status.scaling = host.scaling->status(now);
    add_leaving_instances(host, now, *status.scaling);
    const HookCounts& hooks = host.hooks->counts();
    status.scaling->hook_events = {{"delivered", hooks.delivered},
                                   {"refused", hooks.refused},
                                   {"dropped", hooks.dropped},
                                   {"retried", hooks.retries}};
    for (const auto& instance : status.scaling->instances)
      instance_at[instance.address] = instance.name;
  }
  for (auto& backend : pool.backends(now)) {
    // The pool does not know who drains: the scaler does it too.
    backend.drained_by_operator = host.drained->contains(backend.address);
    std::string instance = instance_at[backend.address];
    status.backends.push_back({std::move(backend), std::move(instance)});
  }
  return status;
}

// Of a provider that the configuration has no more: they are the pool's until they are gone.
void PoolRegistry::add_leaving_instances(const Host& host, Time now,
                                         admin::ScalingStatus& scaling) const {
  for (const auto& other : leaving_) {
    if (other->runtime != host.runtime || !other->scaling) continue;
    const admin::ScalingStatus parting = other->scaling->status(now);
    scaling.instances.insert(scaling.instances.end(), parting.instances.begin(),
                             parting.instances.end());
    scaling.instance_seconds += parting.instance_seconds;
    for (size_t i = 0; i < scaling.instances_by_state.size(); ++i) {
      scaling.instances_by_state[i].second += parting.instances_by_state[i].second;
    }
  }
}

// It takes its instances back itself when they are needed.
bool PoolRegistry::is_drained_by_scaling(const Host& host, const std::string& address) const {
  if (host.scaling && host.scaling->drains(address)) return true;
  return std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& other) {
    return other->runtime == host.runtime && other->scaling && other->scaling->drains(address);
  });
}

std::optional<std::vector<admin::DecisionEntry>> PoolRegistry::decisions(
    std::string_view pool) const {
  const auto host = hosts_.find(pool);
  if (host == hosts_.end()) return std::nullopt;
  if (!host->second->scaling) return std::vector<admin::DecisionEntry>();
  return host->second->scaling->decisions();
}

Result<PoolRegistry::Host*> PoolRegistry::find(std::string_view pool, std::string_view address) {
  const auto host = hosts_.find(pool);
  if (host == hosts_.end()) {
    return make_error(ErrorCode::not_found, "there is no pool '" + std::string(pool) + "'");
  }
  const auto backends = host->second->runtime->pool.backends(loop_.now());
  const bool known = std::any_of(backends.begin(), backends.end(),
                                 [&](const auto& backend) { return backend.address == address; });
  if (!known) {
    return make_error(ErrorCode::not_found, "pool '" + std::string(pool) + "' has no backend '" +
                                                std::string(address) + "'");
  }
  return host->second.get();
}

admin::BackendChange PoolRegistry::change_of(const Host& host, std::string_view address, Time now) {
  for (const auto& backend : host.runtime->pool.backends(now)) {
    if (backend.address == address) {
      return {backend.address, std::string(balancer::to_string(backend.life)), backend.in_flight};
    }
  }
  return {std::string(address), "gone", 0};
}

Result<admin::BackendChange> PoolRegistry::drain(std::string_view pool, std::string_view address) {
  auto host = find(pool, address);
  if (!host) return host.error();
  const Time now = loop_.now();
  (*host)->drained->insert(std::string(address));
  (*host)->runtime->pool.drain(std::string(address), now);
  return change_of(**host, address, now);
}

Result<admin::BackendChange> PoolRegistry::undrain(std::string_view pool,
                                                   std::string_view address) {
  auto host = find(pool, address);
  if (!host) return host.error();
  const Time now = loop_.now();
  const std::string key(address);
  const bool is_leaving = is_drained_by_scaling(**host, key);
  if ((*host)->drained->erase(key) > 0 && !is_leaving) (*host)->runtime->pool.undrain(key, now);
  return change_of(**host, address, now);
}

}  // namespace flaskscale::server
