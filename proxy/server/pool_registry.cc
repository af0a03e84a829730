#include "proxy/server/pool_registry.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "proxy/server/snapshot_builder.h"

namespace flaskscale::server {
namespace {

constexpr unsigned kTicksPerSecond = 10;

bool is_busy(const forward::PoolRuntime& runtime, Time now) {
  const auto load = runtime.pool.read_load(now);
  return load.in_flight > 0 || load.queued > 0;
}

}  // namespace

PoolRegistry::PoolRegistry(net::EventLoop& loop, forward::AddressBook& book, uint16_t workers,
                           uint64_t seed)
    : loop_(loop),
      book_(book),
      workers_(workers),
      random_(seed),
      prober_(loop, book, random_.next(),
              [this](const std::string& pool, const std::string& address, bool good) {
                const auto probed = [&](const Host& host) {
                  host.runtime->pool.on_probe(address, good, loop_.now());
                };
                if (const auto found = hosts_.find(pool); found != hosts_.end())
                  probed(*found->second);
                for (const auto& host : leaving_) {
                  if (host->model.name == pool) probed(*host);
                }
              }),
      resolver_(loop, book) {}

PoolRegistry::~PoolRegistry() = default;

// Of the pool's former life: it can't have new ones beside them.
bool PoolRegistry::still_ends_instances(const config::PoolModel& pool) const {
  return std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& host) {
    return host->model.name == pool.name && host->scaling &&
           (pool.scaling || !host->is_only_scaling);
  });
}

Result<void> PoolRegistry::check(const config::Model& model) const {
  for (const auto& [name, pool] : model.pools) {
    if (still_ends_instances(pool)) {
      return make_error(ErrorCode::unavailable,
                        "pool '" + name + "' still ends its instances: try again in a moment");
    }
    if (!pool.scaling || pool.scaling->mode == config::ScalingMode::off) continue;
    // A live one holds its state folder; its command has been looked for with the file.
    const auto live = hosts_.find(name);
    if (live != hosts_.end() && live->second->scaling != nullptr) continue;
    scaler::ProcessProvider provider(
        process_settings(pool, state_dir_.empty() ? model.server.state_dir : state_dir_),
        Random(1));
    if (auto fine = provider.check(); !fine) {
      Error error = fine.error();
      error.detail = "pool '" + name + "': " + error.detail;
      return error;
    }
  }
  return {};
}

void PoolRegistry::commit(const config::Model& model) {
  state_dir_ = state_dir_.empty() ? model.server.state_dir : state_dir_;
  for (auto entry = hosts_.begin(); entry != hosts_.end();) {
    if (model.pools.contains(entry->first)) {
      ++entry;
      continue;
    }
    leaving_.push_back(std::move(entry->second));
    entry = hosts_.erase(entry);
  }
  for (const auto& [name, pool] : model.pools) {
    auto& host = hosts_[name];
    if (host == nullptr) host = make_host(pool);
    bring_to(*host, pool);
  }
}

std::unique_ptr<PoolRegistry::Host> PoolRegistry::make_host(const config::PoolModel& model) {
  // A pool that was removed and comes back while it still finishes goes on as it is.
  const auto here = std::find_if(leaving_.begin(), leaving_.end(), [&](const auto& host) {
    return host->model.name == model.name && host->scaling == nullptr;
  });
  if (here != leaving_.end()) {
    auto host = std::move(*here);
    leaving_.erase(here);
    return host;
  }
  auto host = std::make_unique<Host>();
  host->runtime =
      std::make_shared<forward::PoolRuntime>(model.name, pool_settings(model), workers_);
  return host;
}

void PoolRegistry::bring_to(Host& host, const config::PoolModel& model) {
  host.runtime->pool.apply(pool_settings(model), loop_.now());
  host.model = model;
  bring_backends_to(host, model);
  bring_scaling_to(host, model);
}

void PoolRegistry::bring_backends_to(Host& host, const config::PoolModel& model) {
  std::map<std::string, uint32_t> wanted;
  for (const auto& backend : model.backends) wanted[backend.address] = backend.weight;
  const auto before = host.static_backends;
  for (const auto& [address, weight] : before) {
    const auto still = wanted.find(address);
    if (still == wanted.end()) {
      remove_static(host, address);
    } else if (still->second != weight) {
      change_weight(host, address, still->second);
    }
  }
  for (const auto& [address, weight] : wanted) {
    if (host.static_backends.contains(address)) {
      prober_.watch(model.name, address, model.health);
    } else {
      add_static(host, address, weight);
    }
  }
}

// Another weight is another backend to the pool; what an operator has said of it stays.
void PoolRegistry::change_weight(Host& host, const std::string& address, uint32_t weight) {
  const bool drained = host.drained->contains(address);
  remove_static(host, address);
  add_static(host, address, weight);
  if (!drained) return;
  host.drained->insert(address);
  host.runtime->pool.drain(address, loop_.now());
}

void PoolRegistry::add_static(Host& host, const std::string& address, uint32_t weight) {
  host.static_backends[address] = weight;
  resolver_.watch(address);
  host.runtime->pool.add_backend(address, weight, loop_.now());
  prober_.watch(host.model.name, address, host.model.health);
}

void PoolRegistry::remove_static(Host& host, const std::string& address) {
  prober_.forget(host.model.name, address);
  host.runtime->pool.remove_backend(address, loop_.now());
  resolver_.forget(address);
  host.drained->erase(address);
  host.static_backends.erase(address);
}

void PoolRegistry::bring_scaling_to(Host& host, const config::PoolModel& model) {
  if (!model.scaling) {
    if (host.scaling == nullptr) return;
    // Its instances go; the pool stays with its static backends.
    host.scaling->drain_instances(loop_.now());
    auto parting = std::make_unique<Host>();
    parting->is_only_scaling = true;
    parting->model = model;
    parting->runtime = host.runtime;
    parting->scaling = std::move(host.scaling);
    leaving_.push_back(std::move(parting));
    return;
  }
  if (host.scaling != nullptr) {
    host.scaling->apply(model, state_dir_);
    return;
  }
  host.scaling = std::make_unique<PoolScaling>(loop_, model, state_dir_, host.runtime, prober_,
                                               random_.next(), host.drained);
  // At once: what is below its minimum, or has to be found again, should not wait for the next
  // second.
  host.scaling->tick(loop_.now());
}

std::shared_ptr<forward::PoolRuntime> PoolRegistry::runtime(const std::string& pool) const {
  return hosts_.find(pool)->second->runtime;
}

// --- Time
// ------------------------------------------------------------------------------------------------------

void PoolRegistry::tick(Time now) {
  const bool second = ++ticks_ % kTicksPerSecond == 0;
  for (const auto& [name, host] : hosts_) {
    host->runtime->pool.tick(now);
    if (host->scaling == nullptr) continue;
    // Ending instances is driven by looking at them.
    if (second || ending_instances_) {
      host->scaling->tick(now);
    } else {
      host->scaling->poke(now);
    }
  }
  if (second) {
    resolver_.tick(now);
    tick_leaving(now);
  }
}

void PoolRegistry::tick_leaving(Time now) {
  for (const auto& host : leaving_) {
    host->runtime->pool.tick(now);
    if (host->scaling == nullptr) continue;
    // A pool that still holds requests is scaled for them as ever; then its instances go as they
    // drain.
    if (!host->is_only_scaling && host->runtime->pool.queued() == 0)
      host->scaling->drain_instances(now);
    host->scaling->tick(now);
  }
  std::erase_if(leaving_, [&](const auto& host) { return has_left(*host, now); });
}

bool PoolRegistry::has_left(Host& host, Time now) {
  if (host.scaling != nullptr) {
    if (!host.scaling->idle()) return false;
    host.scaling->remove_members();
  }
  if (!host.is_only_scaling && is_busy(*host.runtime, now)) return false;
  const auto backends = host.static_backends;
  for (const auto& [address, weight] : backends) remove_static(host, address);
  return true;
}

// --- Shutdown
// --------------------------------------------------------------------------------------------------

void PoolRegistry::begin_shutdown() {
  if (std::exchange(shutting_down_, true)) return;
  for (const auto& [name, host] : hosts_) {
    if (host->scaling) host->scaling->begin_shutdown();
  }
}

bool PoolRegistry::has_work() const {
  const Time now = loop_.now();
  const auto busy = [now](const auto& host) { return is_busy(*host->runtime, now); };
  return std::any_of(leaving_.begin(), leaving_.end(), busy) ||
         std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const auto& entry) { return busy(entry.second); });
}

void PoolRegistry::stop_instances(Time now) {
  ending_instances_ = true;
  for (const auto& [name, host] : hosts_) {
    if (host->scaling) host->scaling->stop_instances(now);
  }
  for (const auto& host : leaving_) {
    if (host->scaling) host->scaling->stop_instances(now);
  }
}

bool PoolRegistry::instances_stopped() const {
  const auto stopped = [](const auto& host) {
    return host->scaling == nullptr || host->scaling->idle();
  };
  return std::all_of(leaving_.begin(), leaving_.end(), stopped) &&
         std::all_of(hosts_.begin(), hosts_.end(),
                     [&](const auto& entry) { return stopped(entry.second); });
}

bool PoolRegistry::kill_instances() {
  bool all = true;
  const auto kill = [&all](Host& host) {
    if (!host.scaling) return;
    if (host.scaling->has_call_under_way()) {
      all = false;
    } else {
      host.scaling->kill_all();
    }
  };
  for (const auto& [name, host] : hosts_) kill(*host);
  for (const auto& host : leaving_) kill(*host);
  return all;
}

}  // namespace flaskscale::server
