// The instances of one pool: brings what exists towards what is wanted, from the provider's list.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "scaler/boot_backoff.h"
#include "scaler/executor.h"
#include "scaler/instance.h"
#include "scaler/membership.h"
#include "scaler/provider.h"

namespace flaskscale::scaler {

// Which calls the mode allows.
struct FleetRules {
  bool may_create = true;
  bool may_drain = true;   // false: draining instances are taken back
  bool may_remove = true;  // also instances that failed
  Duration drain_timeout = std::chrono::minutes(5);
  Duration boot_timeout = std::chrono::minutes(5);
};

struct FleetView {
  uint32_t ready = 0;  // warming or ready, not drained by an operator
  uint32_t down = 0;   // of these, failing their health check
  std::vector<Time> boots;
};

// An instance that ended, or was given up, without being told to.
struct Loss {
  std::string name;
  std::string_view
      reason;  // create_failed, boot_failed, boot_timeout, crashed, vanished, unhealthy
  std::string detail;
};

// Invariants: an instance is out of the pool before its delete call; a drained one is deleted only
// with nothing in flight or past the drain timeout, and can be taken back until then; while the
// list is unknown nothing is concluded and nothing is deleted. At most one provider call is under
// way. Control loop only.
class Fleet {
 public:
  // The references are borrowed; the provider must outlive a call under way, see
  // has_call_under_way().
  Fleet(const std::string& pool, Provider& provider, BlockingExecutor& executor,
        Membership& membership, Random& random);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void apply(const FleetRules& rules, Time now);
  // Called at the end of the first successful list.
  void on_first_list(std::function<void()> callback) { on_first_list_ = std::move(callback); }

  // Reads the pool's report, moves instances on, lets time-outs strike. Before every decision.
  void observe(Time now);
  // Asks the provider what is to be asked; also refreshes the list. After every decision.
  void reconcile(Time now);

  struct Added {
    uint32_t undrained = 0;
    uint32_t created = 0;
    uint32_t held_back = 0;  // by the back-off after failed boots
  };
  Added scale_out(uint32_t count, Time now);
  // Starts to drain up to `count` instances; `boot_seconds` tells overdue and young boots. Returns
  // how many.
  uint32_t scale_in(uint32_t count, double boot_seconds, Time now);
  // Ends everything, as far as the rules allow; no way back. stop_all: at once. drain_all: each
  // when it is drained or past the drain timeout.
  void stop_all(Time now);
  void drain_all(Time now);

  FleetView view() const;
  bool is_known() const { return known_; }                    // a list has been read
  bool list_is_fresh() const { return list_error_.empty(); }  // the last one succeeded
  bool has_call_under_way() const { return call_under_way_; }
  // Nothing left to do or wait for after stop_all().
  bool is_stopped() const {
    return stopping_ && !call_under_way_ && (instances_.empty() || !rules_.may_remove);
  }
  uint32_t failures_in_a_row() const { return backoff_.failures_in_a_row(); }
  std::string last_error() const { return list_error_.empty() ? call_error_ : list_error_; }
  const std::map<std::string, Instance>& instances() const { return instances_; }
  // Billed time of all instances, past and present.
  double instance_seconds(Time now) const;

  // What happened since the last call.
  std::vector<double> take_booted();  // boot seconds
  std::vector<Loss> take_losses();

 private:
  void run_next_call();
  void run_list();
  void run_create(Instance& instance);
  void run_remove(Instance& instance);
  void run(std::function<void()> blocking, std::function<void()> then);
  void on_list(const Result<std::vector<InstanceReport>>& listed);
  void on_reported(const InstanceReport& report);
  void on_missing(Instance& instance);
  void begin_anew(Instance& instance);
  void adopt(const InstanceReport& report);
  bool bears_our_name(const std::string& name) const;

  void advance(Instance& instance, const MemberReport* report);
  void check_time_outs(Instance& instance);
  void lose(Instance& instance, std::string_view reason, std::string detail);
  void begin_removal(Instance& instance, InstanceState state);
  void drain(Instance& instance);
  bool undrain(Instance& instance);
  void forget_creates_not_begun();
  void leave_pool(Instance& instance);
  std::string new_name();

  const std::string prefix_;
  Provider& provider_;
  BlockingExecutor& executor_;
  Membership& membership_;
  Random& random_;
  BootBackoff backoff_;
  FleetRules rules_;
  std::function<void()> on_first_list_;
  std::map<std::string, Instance> instances_;
  Time now_{};  // of the last tick; what completions are dated with
  bool known_ = false;
  bool stopping_ = false;
  bool call_under_way_ = false;
  bool list_wanted_ = false;
  bool last_call_was_list_ = false;
  std::string list_error_;
  std::string call_error_;
  double past_instance_seconds_ = 0;
  std::vector<double> booted_;
  std::vector<Loss> losses_;
  // Completions that arrive after the end of the fleet find it expired.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace flaskscale::scaler
