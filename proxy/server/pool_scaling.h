// Joins one pool's balancer with its scaler: load in, membership out.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "proxy/admin/status_model.h"
#include "proxy/config/model.h"
#include "proxy/forward/health_prober.h"
#include "proxy/forward/snapshot.h"
#include "proxy/net/event_loop.h"
#include "scaler/executor.h"
#include "scaler/membership.h"
#include "scaler/pool_scaler.h"
#include "scaler/providers/process_provider.h"

namespace flaskscale::server {

// What a configuration asks of a pool's process provider.
scaler::ProcessSettings process_settings(const config::PoolModel& pool,
                                         const std::string& state_dir);

// Control loop only.
class PoolScaling final : public scaler::Membership {
 public:
  // The addresses that an operator holds in drain; shared with the registry.
  using DrainedByOperator = std::shared_ptr<std::set<std::string>>;

  PoolScaling(net::EventLoop& loop, const config::PoolModel& pool, const std::string& state_dir,
              std::shared_ptr<forward::PoolRuntime> runtime, forward::HealthProber& prober,
              uint64_t seed, DrainedByOperator drained_by_operator);
  ~PoolScaling() override;

  void apply(const config::PoolModel& pool, const std::string& state_dir);
  // Once a second; `poke` out of turn, ten times a second: acts only when requests wait and nothing
  // is there.
  void tick(Time now);
  void poke(Time now);

  void begin_shutdown();
  void stop_instances(Time now);
  // Of a pool or a scaling that is no longer configured: each instance goes when it is drained.
  void drain_instances(Time now);
  // Members that nobody ends (mode observe or off) leave the pool too.
  void remove_members();
  bool idle() const { return scaler_.idle() && !scaler_.has_call_under_way(); }
  bool has_call_under_way() const { return scaler_.has_call_under_way(); }
  // For a shutdown that can't wait; no call may be under way.
  void kill_all() { provider_->kill_all(); }

  admin::ScalingStatus status(Time now) const;
  std::vector<admin::DecisionEntry> decisions() const;
  bool has_member(const std::string& address) const { return members_.contains(address); }
  // The scaler itself has that member in drain.
  bool drains(const std::string& address) const { return draining_.contains(address); }

  // scaler::Membership
  void add(const std::string& address) override;
  uint32_t drain(const std::string& address) override;
  bool undrain(const std::string& address) override;
  void remove(const std::string& address) override;
  std::vector<scaler::MemberReport> report() const override;
  void expect_capacity(bool coming, Duration boot_median) override;

 private:
  class Executor;

  void keep_holding();
  scaler::LoadSample sample(Time now) const;
  admin::DecisionEntry entry(const scaler::Decision& decision) const;

  net::EventLoop& loop_;
  std::shared_ptr<forward::PoolRuntime> runtime_;
  forward::HealthProber& prober_;
  DrainedByOperator drained_by_operator_;
  config::PoolModel model_;
  std::set<std::string> members_;
  std::set<std::string> draining_;
  mutable std::set<std::string> admitted_;
  Random random_;
  Duration boot_median_;
  bool may_create_ = true;
  // Shared with the calls under way, which may outlive this object.
  std::shared_ptr<scaler::ProcessProvider> provider_;
  std::unique_ptr<Executor> executor_;
  scaler::PoolScaler scaler_;
};

}  // namespace flaskscale::server
