// The scaler of one pool: samples in, decisions and instances out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/local_time.h"
#include "base/random.h"
#include "base/time.h"
#include "scaler/alarms.h"
#include "scaler/decision_log.h"
#include "scaler/decision_text.h"
#include "scaler/event.h"
#include "scaler/executor.h"
#include "scaler/fleet.h"
#include "scaler/journal.h"
#include "scaler/law.h"
#include "scaler/load_sample.h"
#include "scaler/membership.h"
#include "scaler/policy.h"
#include "scaler/provider.h"
#include "scaler/schedule.h"

namespace flaskscale::scaler {

struct InstanceStatus {
  std::string name;
  std::string id;
  std::string address;  // empty while unknown
  InstanceState state = InstanceState::booting;
  double age_seconds = 0;
  uint32_t in_flight = 0;
  std::string failure;
  std::string zone;
  std::string version;
  bool outdated = false;
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
  // Billed: from the create or start call until its machine is off or gone, of all instances.
  double instance_seconds = 0;
  std::vector<InstanceStatus> instances;  // by name
  std::string forecast;                   // the candidate that was believed last
  std::vector<std::string> alarms;        // what is wrong now, see Event::what
  std::string last_error;  // of provider or journal; empty: their last calls went well
};

// All borrowed; provider and journal must outlive a call under way.
struct PoolScalerParts {
  Provider& provider;
  BlockingExecutor& executor;
  Membership& membership;
  Random& random;
  Journal* journal = nullptr;   // without one, a restart knows only what the provider lists
  EventSink* events = nullptr;  // may be absent
};

// Control loop only. Destroy the parts only when has_call_under_way() is false.
class PoolScaler {
 public:
  PoolScaler(std::string name, const Policy& policy, PoolScalerParts parts,
             UtcOffset schedule_clock = local_utc_offset);
  PoolScaler(const PoolScaler&) = delete;
  PoolScaler& operator=(const PoolScaler&) = delete;

  // Once a second, and out of turn on the first request to an empty pool: one decision, or the
  // reason why not. `wall` is the calendar's time, for schedules and the journal.
  void tick(const LoadSample& load, Time now, WallTime wall);

  // A reload, after the provider has had its own: estimates, windows, cool-downs and instances
  // stay; what failed to be made is tried again at once.
  void apply(const Policy& policy, Time now);

  // Takes no more decisions; the instances stay and serve. What the law has learned is written to
  // the journal, see has_call_under_way(). No way back.
  void begin_shutdown();
  // Ends all instances as far as the mode allows: at once, or each when it is drained. Go on
  // calling tick() until idle().
  void stop_instances(Time now);
  void drain_instances(Time now);
  // After one of them: nothing is left to do.
  bool idle() const { return fleet_.is_stopped(); }
  bool has_call_under_way() const { return fleet_.has_call_under_way(); }

  const std::string& name() const { return name_; }
  const Policy& policy() const { return policy_; }
  ScalerStatus status(Time now) const;
  // The last record shows the last tick.
  const DecisionLog& decisions() const;

 private:
  // What a tick came to.
  struct Outcome {
    Action action = Action::hold;
    std::string_view reason;
    Done done;
  };

  void use_policy();
  void decide();
  void read_signals();
  void collect_losses();
  void carry_out();
  Outcome move_out();
  bool roll(Outcome& outcome);
  Outcome move_in();
  void note_base();
  void hold_without_law(std::string_view reason, std::string_view sentence);
  Decision describe() const;
  void record(Decision decision);
  void emit_decision(const Decision& decision);
  void emit_changes();
  void watch_alarms();
  bool boots_fail() const;
  void set_alarm(Alarm alarm, bool on, std::string_view text);
  void tell_expectation();
  void restore_memory();
  void keep_memory();
  FleetRules fleet_rules() const;

  const std::string name_;
  Policy policy_;
  const UtcOffset schedule_clock_;
  Schedule schedule_;
  Membership& membership_;
  EventSink* const events_;
  const bool remembers_;  // there is a journal
  LawState law_;
  LawSignals signals_;
  LawOutput last_output_;
  Fleet fleet_;
  mutable DecisionLog log_;
  mutable bool last_is_stale_ = false;  // the last record shows an older tick
  Outcome last_outcome_;
  Alarms alarms_;
  LoadSample load_;
  Time now_{};
  WallTime wall_{};
  bool has_ticked_ = false;
  bool shutting_down_ = false;
  std::optional<uint32_t> base_;  // what serves while old instances are replaced
  std::optional<Time> list_failed_since_;
  std::optional<Time> memory_kept_at_;
  std::pair<Action, std::string> last_event_;
  // Losses that no later decision has made up for.
  uint32_t lost_ = 0;
  std::string_view loss_reason_;
  std::string loss_text_;
};

}  // namespace flaskscale::scaler
