// The instances of one pool: brings what exists towards what is wanted, from the provider's list.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "scaler/boot_backoff.h"
#include "scaler/executor.h"
#include "scaler/fleet_reports.h"
#include "scaler/instance.h"
#include "scaler/journal.h"
#include "scaler/journal_desk.h"
#include "scaler/membership.h"
#include "scaler/provider.h"
#include "scaler/supply.h"

namespace flaskscale::scaler {

// All borrowed; provider and journal must outlive a call under way, see has_call_under_way().
struct FleetParts {
  Provider& provider;
  BlockingExecutor& executor;
  Membership& membership;
  Random& random;
  Journal* journal = nullptr;
};

// Invariants: an instance is out of the pool before its delete or stop call; a drained one is
// deleted only with nothing in flight or past the drain timeout, and can be taken back until then;
// while the list is unknown or old nothing is concluded and nothing is deleted. At most one
// provider call is under way, and what it is to do is in the journal before. Control loop only.
class Fleet {
 public:
  Fleet(const std::string& pool, FleetParts parts);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Also reads anew what the provider can do.
  void apply(const FleetRules& rules, Time now);
  // Forgets what failed, so that it is tried again at once: after a reload, say.
  void try_now();
  // Called at the end of the first successful list.
  void on_first_list(std::function<void()> callback) { on_first_list_ = std::move(callback); }

  // Reads the pool's report, moves instances on, lets time-outs strike. Before every decision.
  void observe(Time now, WallTime wall);
  // Asks the provider what is to be asked; also refreshes the list. After every decision.
  void reconcile(Time now);

  // Takes draining instances back, then starts stopped ones, then creates.
  Added scale_out(uint32_t count, Time now);
  // Starts to drain up to `count` instances; `boot_seconds` tells overdue and young boots. Of those
  // that answer, `serving` stay: what boots can't serve yet. Returns how many.
  uint32_t scale_in(uint32_t count, uint32_t serving, double boot_seconds, Time now);
  // Instances of an older version are to be replaced, and the rules allow it.
  bool is_rolling() const;
  // One step of that: `base` instances are to serve all the time.
  Rolled roll(uint32_t base, Time now);
  // What the last decision was made with: how many there should be, and how long boots take.
  void note_target(uint32_t target, double boot_seconds);

  // Ends everything, as far as the rules allow; no way back. stop_all: at once. drain_all: each
  // when it is drained or past the drain timeout.
  void stop_all(Time now);
  void drain_all(Time now);

  // Valid until the next call of anything.
  const FleetView& view() const;
  // What a new instance would be, as boot times tell it apart; empty while unknown.
  const std::string& next_boot_kind() const { return next_boot_kind_; }
  bool is_known() const { return known_; }                    // a list has been read
  bool list_is_fresh() const { return list_error_.empty(); }  // the last one succeeded
  bool has_call_under_way() const { return call_under_way_; }
  // Nothing left to do or wait for after stop_all().
  bool is_stopped() const;
  Obstacle shortage() const { return supply_.shortage(now_); }
  uint32_t failures_in_a_row() const { return backoff_.failures_in_a_row(); }
  std::string last_error() const;
  const std::string& list_error() const { return list_error_; }
  const std::string& journal_error() const { return desk_.error(); }
  const std::map<std::string, Instance>& instances() const { return instances_; }
  // Billed time of all instances, past and present, while their machines were on.
  double instance_seconds(Time now) const;

  // What happened since the last call.
  std::vector<BootDone> take_booted();
  std::vector<Loss> take_losses();
  std::vector<StateChange> take_changes();
  // What was kept by an earlier run; at most once, with the first list.
  std::optional<std::string> take_memory() { return std::exchange(memory_, std::nullopt); }
  // Written with the next call.
  void keep_memory(std::string memory) { desk_.keep(std::move(memory)); }
  // What is noted for the journal doesn't wait for the next call.
  void write_soon();

 private:
  using Call = Instance::Call;
  // An instance that ends sooner had a bad start.
  static constexpr Duration kProvenAfter = std::chrono::seconds(30);
  // One call that was begun; it is repeated as it was.
  struct Action {
    Call kind = Call::none;
    InstanceCall call;
    uint32_t failures = 0;
    Time next_at{};
  };

  // fleet.cc
  void read_members();
  void advance(Instance& instance, const MemberReport* report);
  void on_admitted(Instance& instance);
  void check_time_outs(Instance& instance);
  void check_drain(Instance& instance);
  bool may_give_up(Time now);
  bool list_is_recent() const;
  bool is_moving() const;

  // fleet_moves.cc
  void set_state(Instance& instance, InstanceState state, std::string_view reason = {});
  void join_pool(Instance& instance);
  void leave_pool(Instance& instance);
  void lose(Instance& instance, std::string_view reason, std::string detail,
            Obstacle obstacle = Obstacle::other);
  void fail_to_make(Instance& instance, Obstacle obstacle, const std::string& detail);
  void begin_removal(Instance& instance, InstanceState state, std::string_view reason = {});
  void end_drained(Instance& instance);
  void drain(Instance& instance);
  bool undrain(Instance& instance);
  void put_to_standby(Instance& instance);
  void stop_billing(Instance& instance);
  void erase_if_gone();
  void note_intent(const Instance& instance, Intent intent);
  JournalEntry entry_of(const Instance& instance, Intent intent) const;

  // fleet_scale.cc
  uint32_t take_back(uint32_t count);
  void add_capacity(uint32_t count, Added& added);
  uint32_t start_stopped(uint32_t count);
  void create_new(const std::string& zone, uint32_t count);
  std::vector<Instance*> scale_in_candidates(double boot_seconds);
  void drain_outdated(uint32_t count, bool up);
  void keep_standby();
  void forget_creates_not_begun();
  std::string new_name();

  // fleet_list.cc
  void on_list(JournalPage& page, const Result<std::vector<InstanceReport>>& listed);
  void on_reported(const InstanceReport& report);
  void on_reported_ending(Instance& instance, const InstanceReport& report);
  bool on_reported_stopped(Instance& instance, const InstanceReport& report);
  bool on_reported_obstacle(Instance& instance, const InstanceReport& report);
  bool on_reported_leaving(Instance& instance, const InstanceReport& report);
  void on_missing(Instance& instance);
  void on_gone(Instance& instance);
  void note_next_boot_kind();
  void begin_anew(Instance& instance);
  void adopt(const InstanceReport& report);
  void restore(const std::vector<JournalEntry>& entries);
  void restore(const JournalEntry& entry);
  void end_after_all(Instance& instance);
  bool bears_our_name(const std::string& name) const;

  // fleet_calls.cc
  void run_next_call();
  bool may_call(Call kind) const;
  std::optional<Action> find_change();
  std::optional<Action> collect(Call kind);
  std::optional<Action> collect_again(Call kind, bool& blocked);
  bool is_still_wanted(const Action& action);
  bool is_called_again(const std::string& name) const;
  InstanceCall call_of(Call kind, const std::vector<Instance*>& instances);
  void run_list();
  void write_journal();
  void run_change(Action action);
  void run(std::function<void()> blocking, std::function<void()> then);
  void on_called(Action& action, JournalPage& page, const Result<void>& result);
  void on_not_called(const Action& action);
  void on_call_succeeded(const Action& action);
  void on_call_failed(Action& action, const Error& error);
  void on_ending_call_failed(Action& action);

  const std::string prefix_;
  Provider& provider_;
  BlockingExecutor& executor_;
  Membership& membership_;
  Random& random_;
  BootBackoff backoff_;
  Supply supply_;
  JournalDesk desk_;
  FleetRules rules_;
  Abilities abilities_;
  std::function<void()> on_first_list_;
  std::map<std::string, Instance> instances_;
  std::map<std::string, WallTime> served_;  // by an earlier run, until the first list
  std::map<std::string, Time> buried_;  // names removed lately: what bears one is no late arrival
  std::vector<Instance*> seats_;  // of the members, in the order of the last report; may be empty
  mutable FleetView view_;
  std::deque<Action> again_;
  Time now_{};  // of the last tick; what completions are dated with
  WallTime wall_{};
  bool known_ = false;
  bool stopping_ = false;
  bool call_under_way_ = false;
  bool list_wanted_ = false;
  bool journal_wanted_ = false;
  bool last_call_was_list_ = false;
  Call last_change_ = Call::none;
  std::optional<Time> list_begun_at_;
  std::optional<Time> list_read_at_;
  Time no_changes_before_{};  // the journal failed
  std::string list_error_;
  std::string call_error_;  // of the last call of the kind that failed last
  Call failed_kind_ = Call::none;
  std::deque<Time> given_up_;  // for being unhealthy, within one boot time
  uint32_t target_ = 0;
  double boot_seconds_ = 0;
  double past_instance_seconds_ = 0;
  std::optional<std::string> memory_;
  std::string next_boot_kind_;
  std::vector<BootDone> booted_;
  std::vector<Loss> losses_;
  std::vector<StateChange> changes_;
  // Completions that arrive after the end of the fleet find it expired.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace flaskscale::scaler
