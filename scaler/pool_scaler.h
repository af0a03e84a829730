// The scaler of one pool: samples in, decisions and instances out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "scaler/decision_log.h"
#include "scaler/decision_text.h"
#include "scaler/executor.h"
#include "scaler/fleet.h"
#include "scaler/law.h"
#include "scaler/load_sample.h"
#include "scaler/membership.h"
#include "scaler/policy.h"
#include "scaler/provider.h"

namespace flaskscale::scaler {

struct InstanceStatus {
  std::string name;
  std::string id;
  std::string address;  // empty while unknown
  InstanceState state = InstanceState::booting;
  double age_seconds = 0;
  uint32_t in_flight = 0;
  std::string failure;
};

struct ScalerStatus {
  Mode mode = Mode::act;
  uint32_t min = 0;
  uint32_t max = 0;
  uint32_t desired = 0;  // the last target
  uint32_t planned = 0;  // ready and booting on time
  uint32_t need = 0;
  double offered_load = 0;  // busy slots
  double arrival_rate = 0;  // per second
  double service_time_seconds = 0;
  double boot_seconds_q90 = 0;
  double boot_seconds_median = 0;
  double instance_seconds = 0;  // billed, from the create call to the end, of all instances so far
  std::vector<InstanceStatus> instances;  // by name
  std::string last_error;                 // of the provider; empty: its last calls went well
};

// Control loop only. The references are borrowed; the provider must outlive a call under way, so
// destroy it only when has_call_under_way() is false.
class PoolScaler {
 public:
  PoolScaler(std::string name, const Policy& policy, Provider& provider, BlockingExecutor& executor,
             Membership& membership, Random& random);
  PoolScaler(const PoolScaler&) = delete;
  PoolScaler& operator=(const PoolScaler&) = delete;

  // Once a second, and out of turn on the first request to an empty pool: one decision, or the
  // reason why not.
  void tick(const LoadSample& load, Time now);

  // A reload: estimates, windows, cool-downs and instances stay.
  void apply(const Policy& policy, Time now);

  // Takes no more decisions; the instances stay and serve. No way back.
  void begin_shutdown();
  // // Ends all instances as far as the mode allows: at once, or each when it is drained. Go on
  // calling tick() until idle().
  void stop_instances(Time now);
  void drain_instances(Time now);
  // After one of them: nothing is left to do.
  bool idle() const { return fleet_.is_stopped(); }
  bool has_call_under_way() const { return fleet_.has_call_under_way(); }

  const std::string& name() const { return name_; }
  const Policy& policy() const { return policy_; }
  ScalerStatus status(Time now) const;
  const DecisionLog& decisions() const { return log_; }

 private:
  void decide();
  LawSignals read_signals();
  void collect_losses();
  void carry_out(const LawOutput& out, const LawSignals& signals);
  void carry_out_move_out(const LawOutput& out, Decision& decision, Done& done);
  void hold_without_law(std::string_view reason, std::string sentence);
  void record(Decision decision);
  void tell_expectation();
  FleetRules fleet_rules() const;

  const std::string name_;
  Policy policy_;
  Membership& membership_;
  LawState law_;
  LawOutput last_output_;
  Fleet fleet_;
  DecisionLog log_;
  LoadSample load_;
  Time now_{};
  bool has_ticked_ = false;
  bool shutting_down_ = false;
  // Losses that no later decision has made up for.
  uint32_t lost_ = 0;
  std::string_view loss_reason_;
  std::string loss_text_;
};

}  // namespace flaskscale::scaler
