#include "proxy/server/pool_registry.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "proxy/server/provider_journal.h"
#include "proxy/server/snapshot_builder.h"
#include "scaler/journal_sqlite.h"

namespace flaskscale::server {
namespace {

constexpr unsigned kTicksPerSecond = 10;
// How long the hooks of a pool that is gone may go on delivering.
constexpr Duration kHookPatience = std::chrono::seconds(30);

Result<std::unique_ptr<scaler::Journal>> open_journal(const std::string& path) {
  auto opened = scaler::SqliteJournal::open(path);
  if (!opened) return std::move(opened).error();
  return std::unique_ptr<scaler::Journal>(*std::move(opened));
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

bool is_busy(const forward::PoolRuntime& runtime, Time now) {
  const auto load = runtime.pool.read_load(now);
  return load.in_flight > 0 || load.queued > 0;
}

}  // namespace

PoolRegistry::PoolRegistry(net::EventLoop& loop, forward::AddressBook& book, uint16_t workers,
                           uint64_t seed)
    : loop_(loop),
      workers_(workers),
      random_(seed),
      threads_(loop),
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

// Of the pool's former life: it can't have new ones of the same provider beside them.
bool PoolRegistry::still_ends_instances(const config::PoolModel& pool) const {
  return std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& host) {
    if (host->model.name != pool.name || !host->scaling || host->rests) return false;
    return !host->is_only_scaling ||
           (pool.scaling && pool.scaling->provider == host->scaling->kind());
  });
}

Result<void> PoolRegistry::check(const config::Model& model) const {
  for (const auto& [name, pool] : model.pools) {
    if (still_ends_instances(pool)) {
      return make_error(ErrorCode::unavailable,
                        "pool '" + name + "' still ends its instances: try again in a moment");
    }
    if (!pool.scaling) continue;
    if (auto fine = check_settings(pool); !fine) {
      Error error = fine.error();
      error.detail = "pool '" + name + "': " + error.detail;
      return error;
    }
  }
  return {};
}

void PoolRegistry::set_up_state(const config::Model& model) {
  const bool scales = std::any_of(model.pools.begin(), model.pools.end(),
                                  [](const auto& pool) { return pool.second.scaling.has_value(); });
  if (journal_ != nullptr || !scales) return;
  const std::string& state_dir = model.server.state_dir;
  journal_ = std::make_shared<StateJournal>(state_dir, open_journal);
  factory_ = std::make_unique<ProviderFactory>(state_dir);
  // Logs what is wrong: serving does not wait for it.
  if (journal_->open()) spdlog::info("state in {}", state_dir);
}

void PoolRegistry::commit(const config::Model& model) {
  set_up_state(model);
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
  if (host.scaling != nullptr && !model.scaling) {
    part_with_scaling(host, Parting::at_once);
  } else if (host.scaling != nullptr && host.scaling->kind() != model.scaling->provider) {
    part_with_scaling(host, Parting::when_replaced);
  }
  if (!model.scaling) {
    part_with_hooks(std::move(host.hooks));
    return;
  }
  if (host.hooks == nullptr) {
    host.hooks = std::make_shared<PoolHooks>(host_name(), make_hook_target, Random(random_.next()));
  }
  host.hooks->apply(model.scaling->on_event);
  if (host.scaling != nullptr) {
    host.scaling->apply(model);
  } else if (!take_back_scaling(host, model)) {
    begin_scaling(host, model);
  }
}

// Its instances go, at once or when those of another provider serve; the pool stays.
void PoolRegistry::part_with_scaling(Host& host, Parting how) {
  if (how == Parting::at_once) {
    host.scaling->drain_instances(loop_.now());
  } else {
    host.scaling->rest();
  }
  auto parting = std::make_unique<Host>();
  parting->is_only_scaling = true;
  parting->rests = how == Parting::when_replaced;
  parting->model = host.model;
  parting->runtime = host.runtime;
  parting->drained = host.drained;
  parting->hooks = host.hooks;
  parting->scaling = std::move(host.scaling);
  leaving_.push_back(std::move(parting));
}

// The configuration is back at a provider whose instances still serve.
bool PoolRegistry::take_back_scaling(Host& host, const config::PoolModel& model) {
  const auto resting = std::find_if(leaving_.begin(), leaving_.end(), [&](const auto& other) {
    return other->rests && other->runtime == host.runtime &&
           other->scaling->kind() == model.scaling->provider;
  });
  if (resting == leaving_.end()) return false;
  host.scaling = std::move((*resting)->scaling);
  leaving_.erase(resting);
  host.scaling->apply(model);
  return true;
}

void PoolRegistry::drain_if_replaced(Host& resting, Time now) {
  const auto host = hosts_.find(resting.model.name);
  const bool has_successor = host != hosts_.end() && host->second->runtime == resting.runtime &&
                             host->second->scaling != nullptr;
  if (has_successor && !host->second->scaling->can_replace(*resting.scaling, now)) return;
  resting.rests = false;
  resting.scaling->drain_instances(now);
}

void PoolRegistry::begin_scaling(Host& host, const config::PoolModel& model) {
  PoolProvider provider = factory_->make(model, Random(random_.next()));
  if (auto fine = provider.check(); !fine && model.scaling->mode != config::ScalingMode::off) {
    spdlog::error("pool '{}': instances can't be started: {}", model.name, fine.error().detail);
  }
  tell_of_other_providers(model);
  host.scaling = std::make_unique<PoolScaling>(
      model,
      PoolScalingParts{loop_, threads_, prober_, host.runtime, std::move(provider), journal_,
                       *host.hooks, host.drained},
      random_.next());
  // At once: what is below its minimum, or has to be found again, should not wait for the next
  // second.
  host.scaling->tick(loop_.now());
}

// Nobody would ever end what an earlier configuration has left.
void PoolRegistry::tell_of_other_providers(const config::PoolModel& model) {
  using Kind = config::ProviderKind;
  for (const Kind kind : {Kind::process, Kind::docker, Kind::gce, Kind::exec}) {
    const bool is_live = std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& host) {
      return host->model.name == model.name && host->scaling && host->scaling->kind() == kind;
    });
    if (kind == model.scaling->provider || is_live) continue;
    const auto rows = ProviderJournal(journal_, std::string(to_string(kind))).entries(model.name);
    if (!rows || rows->empty()) continue;
    spdlog::warn(
        "pool '{}': {} instances of the provider \"{}\" are left of an earlier configuration, {} "
        "one of them; they are neither used nor ended: go back to that provider for a while, or "
        "end them by hand",
        model.name, rows->size(), to_string(kind), rows->front().instance);
  }
}

void PoolRegistry::part_with_hooks(std::shared_ptr<PoolHooks> hooks) {
  if (hooks == nullptr) return;
  leaving_hooks_.push_back(std::move(hooks));
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
    tick_hooks();
  }
}

// Once nobody else has them no event can come: they deliver what waits, then go.
void PoolRegistry::tick_hooks() {
  for (const auto& [name, host] : hosts_) {
    if (host->hooks) host->hooks->is_finished();
  }
  std::erase_if(leaving_hooks_, [](const auto& hooks) {
    if (hooks.use_count() > 1) return false;
    hooks->finish(kHookPatience);
    return hooks->is_finished();
  });
}

void PoolRegistry::tick_leaving(Time now) {
  for (const auto& host : leaving_) {
    host->runtime->pool.tick(now);
    if (host->scaling == nullptr) continue;
    // A pool that still holds requests is scaled for them as ever; then its instances go as they
    // drain.
    if (!host->is_only_scaling && host->runtime->pool.queued() == 0)
      host->scaling->drain_instances(now);
    if (host->rests) drain_if_replaced(*host, now);
    host->scaling->tick(now);
  }
  std::erase_if(leaving_, [&](const auto& host) { return has_left(*host, now); });
}

bool PoolRegistry::has_left(Host& host, Time now) {
  if (host.scaling != nullptr) {
    if (host.rests || !host.scaling->idle()) return false;
    host.scaling->remove_members();
  }
  if (!host.is_only_scaling && is_busy(*host.runtime, now)) return false;
  const auto backends = host.static_backends;
  for (const auto& [address, weight] : backends) remove_static(host, address);
  host.scaling.reset();
  part_with_hooks(std::move(host.hooks));
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
  // Without the journal nothing can be ended, and what is there may be another program's.
  const bool may_end = journal_ != nullptr && journal_->open();
  using Ending = PoolScaling::Ending;
  for (const auto& [name, host] : hosts_) {
    if (!host->scaling) continue;
    host->scaling->stop_instances(may_end ? Ending::as_configured : Ending::none, now);
  }
  // The next start would not know of these.
  for (const auto& host : leaving_) {
    if (host->scaling) host->scaling->stop_instances(may_end ? Ending::all : Ending::none, now);
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
    // Only processes are our own to kill.
    if (!host.scaling || host.scaling->kind() != config::ProviderKind::process) return;
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

void PoolRegistry::finish_hooks(Duration patience) {
  for (const auto& [name, host] : hosts_) {
    if (host->hooks) host->hooks->finish(patience);
  }
  for (const auto& host : leaving_) {
    if (host->hooks) host->hooks->finish(patience);
  }
  for (const auto& hooks : leaving_hooks_) hooks->finish(patience);
}

bool PoolRegistry::hooks_finished() {
  const auto finished = [](const std::shared_ptr<PoolHooks>& hooks) {
    return hooks == nullptr || hooks->is_finished();
  };
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [&](const auto& entry) { return finished(entry.second->hooks); }) &&
         std::all_of(leaving_.begin(), leaving_.end(),
                     [&](const auto& host) { return finished(host->hooks); }) &&
         std::all_of(leaving_hooks_.begin(), leaving_hooks_.end(), finished);
}

}  // namespace flaskscale::server
