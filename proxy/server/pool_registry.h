// The live pools by name: they outlive every reload that still names them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "proxy/admin/status_model.h"
#include "proxy/config/model.h"
#include "proxy/forward/health_prober.h"
#include "proxy/forward/snapshot.h"
#include "proxy/net/event_loop.h"
#include "proxy/server/call_threads.h"
#include "proxy/server/name_resolver.h"
#include "proxy/server/pool_hooks.h"
#include "proxy/server/pool_scaling.h"
#include "proxy/server/provider_factory.h"
#include "proxy/server/state_journal.h"

namespace flaskscale::server {

// Control loop only.
class PoolRegistry {
 public:
  PoolRegistry(net::EventLoop& loop, forward::AddressBook& book, uint16_t workers, uint64_t seed);
  ~PoolRegistry();

  // What could keep a configuration's pools from working, before it is accepted: one clear line.
  Result<void> check(const config::Model& model) const;

  // Brings the pools to the model: new ones, changed ones, and those that are gone, which finish
  // what they hold.
  void commit(const config::Model& model);

  // How the probes speak with the pools' backends. Before the commit that needs it.
  void use_backend_tls(forward::HealthProber::BackendTls tls) { prober_.use_tls(std::move(tls)); }

  std::shared_ptr<forward::PoolRuntime> runtime(const std::string& pool) const;

  // Every 100 ms.
  void tick(Time now);

  // --- Shutdown
  // -------------------------------------------------------------------------------------
  void begin_shutdown();
  bool has_work() const;  // a request waits or is in flight somewhere
  void stop_instances(Time now);
  bool instances_stopped() const;
  // False: a provider call is still under way, ask again.
  bool kill_instances();
  // No event comes any more: what waits is delivered within `patience`.
  void finish_hooks(Duration patience);
  bool hooks_finished();
  // Provider calls that the end of this object would have to wait for.
  bool has_calls_under_way() const { return threads_.under_way() > 0; }

  // --- Admin
  // ------------------------------------------------------------------------------------------
  std::vector<admin::PoolStatus> status(Time now) const;
  std::optional<std::vector<admin::DecisionEntry>> decisions(std::string_view pool) const;
  Result<admin::BackendChange> drain(std::string_view pool, std::string_view address);
  Result<admin::BackendChange> undrain(std::string_view pool, std::string_view address);

 private:
  struct Host {
    config::PoolModel model;
    std::shared_ptr<forward::PoolRuntime> runtime;
    std::map<std::string, uint32_t> static_backends;  // weight by address
    // By an operator. Shared with the scaling, which may outlive the host by a while.
    std::shared_ptr<std::set<std::string>> drained = std::make_shared<std::set<std::string>>();
    std::shared_ptr<PoolHooks> hooks;  // shared with scalings of the same pool that are leaving
    std::unique_ptr<PoolScaling> scaling;
    bool is_only_scaling = false;  // leaving: its pool stays without it
    bool rests = false;            // leaving, once another provider's instances serve
  };
  using Hosts = std::map<std::string, std::unique_ptr<Host>, std::less<>>;

  std::unique_ptr<Host> make_host(const config::PoolModel& model);
  void bring_to(Host& host, const config::PoolModel& model);
  void bring_backends_to(Host& host, const config::PoolModel& model);
  void bring_scaling_to(Host& host, const config::PoolModel& model);
  void begin_scaling(Host& host, const config::PoolModel& model);
  enum class Parting : uint8_t { at_once, when_replaced };
  void part_with_scaling(Host& host, Parting parting);
  bool take_back_scaling(Host& host, const config::PoolModel& model);
  void drain_if_replaced(Host& resting, Time now);
  void set_up_state(const config::Model& model);
  void tell_of_other_providers(const config::PoolModel& model);
  void part_with_hooks(std::shared_ptr<PoolHooks> hooks);
  void add_static(Host& host, const std::string& address, uint32_t weight);
  void change_weight(Host& host, const std::string& address, uint32_t weight);
  void remove_static(Host& host, const std::string& address);
  bool still_ends_instances(const config::PoolModel& pool) const;
  bool is_drained_by_scaling(const Host& host, const std::string& address) const;
  void tick_leaving(Time now);
  void tick_hooks();
  bool has_left(Host& host, Time now);
  admin::PoolStatus status_of(const Host& host, Time now) const;
  void add_leaving_instances(const Host& host, Time now, admin::ScalingStatus& scaling) const;
  Result<Host*> find(std::string_view pool, std::string_view address);
  static admin::BackendChange change_of(const Host& host, std::string_view address, Time now);

  net::EventLoop& loop_;
  const uint16_t workers_;
  Random random_;
  CallThreads threads_;
  // From the first configuration with scaling on; the folder stays for the life of the program.
  std::shared_ptr<StateJournal> journal_;
  std::unique_ptr<ProviderFactory> factory_;
  forward::HealthProber prober_;
  NameResolver resolver_;
  Hosts hosts_;
  // Pools and scalings that the configuration no longer has: they finish, then go.
  std::vector<std::unique_ptr<Host>> leaving_;
  std::vector<std::shared_ptr<PoolHooks>> leaving_hooks_;
  unsigned ticks_ = 0;
  bool shutting_down_ = false;
  bool ending_instances_ = false;
};

}  // namespace flaskscale::server
