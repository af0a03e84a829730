// Joins one pool's balancer with its scaler: load in, membership out.
#pragma once

#include <functional>
#include <map>
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
#include "proxy/server/call_threads.h"
#include "proxy/server/provider_factory.h"
#include "scaler/event.h"
#include "scaler/executor.h"
#include "scaler/journal.h"
#include "scaler/membership.h"
#include "scaler/pool_scaler.h"

namespace flaskscale::server {

// What the configuration asks of the scaler of this pool, which has scaling.
scaler::Policy scaling_policy(const config::PoolModel& pool);

// What a pool's scaling works with. The references are borrowed; the rest is shared with the calls
// under way, which may outlive the scaling.
struct PoolScalingParts {
  // The addresses that an operator holds in drain; shared with the registry.
  using DrainedByOperator = std::shared_ptr<std::set<std::string>>;

  net::EventLoop& loop;
  CallThreads& threads;
  forward::HealthProber& prober;
  std::shared_ptr<forward::PoolRuntime> runtime;
  PoolProvider provider;
  std::shared_ptr<scaler::Journal> journal;
  scaler::EventSink& events;
  DrainedByOperator drained_by_operator;
};

// Control loop only.
class PoolScaling final : public scaler::Membership, private scaler::EventSink {
 public:
  // The pool has scaling, by the provider of the parts.
  PoolScaling(const config::PoolModel& pool, PoolScalingParts parts, uint64_t seed);
  ~PoolScaling() override;

  // The provider's kind stays.
  void apply(const config::PoolModel& pool);
  config::ProviderKind kind() const { return kind_; }
  // Once a second; `poke` out of turn, ten times a second: acts only when requests wait and nothing
  // is there.
  void tick(Time now);
  void poke(Time now);

  void begin_shutdown();
  // At the end of the program: `all` ends what the configuration would keep for the next start,
  // `none` keeps what it would end.
  enum class Ending : uint8_t { as_configured, all, none };
  void stop_instances(Ending ending, Time now);
  // Of a pool or a scaling that is no longer configured: each instance goes when it is drained.
  void drain_instances(Time now);
  // Another provider's scaling of this pool has begun: its instances serve on, nothing is decided,
  // until they are drained or apply() takes this one back.
  void rest();
  // Whether what it has is as good as `other`, which rests.
  bool can_replace(const PoolScaling& other, Time now) const;
  // Members that nobody ends (mode observe or off) leave the pool too.
  void remove_members();
  // Nothing is left to do.
  bool idle() const { return (keeps_instances_ || scaler_.idle()) && !has_call_under_way(); }
  bool has_call_under_way() const { return scaler_.has_call_under_way(); }
  // For a shutdown that can't wait; no call may be under way.
  void kill_all() { provider_.kill_all(); }

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
  struct AlarmState {
    std::string text;
    Time since;
  };

  // scaler::EventSink: keeps what alarms say, and passes all on.
  void on_event(const scaler::Event& event) override;

  void keep_holding();
  scaler::LoadSample sample(Time now) const;
  admin::DecisionEntry entry(const scaler::Decision& decision) const;

  net::EventLoop& loop_;
  forward::HealthProber& prober_;
  const std::shared_ptr<forward::PoolRuntime> runtime_;
  const PoolProvider provider_;
  const config::ProviderKind kind_;
  const PoolScalingParts::DrainedByOperator drained_by_operator_;
  scaler::EventSink& events_;
  config::PoolModel model_;
  std::set<std::string> members_;
  std::set<std::string> draining_;
  mutable std::set<std::string> admitted_;
  std::map<std::string, AlarmState> alarms_;
  Random random_;
  Duration boot_median_;
  bool may_create_ = true;
  bool has_pool_ = true;
  bool keeps_instances_ = false;  // at the end of the program
  const Time began_;
  const std::shared_ptr<scaler::Journal> journal_;
  std::unique_ptr<Executor> executor_;
  scaler::PoolScaler scaler_;
};

}  // namespace flaskscale::server
