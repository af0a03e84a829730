#include "scaler/pool_scaler.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "scaler/law_memory.h"

namespace flaskscale::scaler {
namespace {

constexpr uint32_t kHopelessFrom = 3;  // failed boots in a row after which nobody is told to wait
constexpr Duration kKeepMemoryEvery = std::chrono::seconds(60);

}  // namespace

PoolScaler::PoolScaler(std::string name, const Policy& policy, PoolScalerParts parts,
                       UtcOffset schedule_clock)
    : name_(std::move(name)),
      policy_(policy),
      schedule_clock_(std::move(schedule_clock)),
      membership_(parts.membership),
      events_(parts.events),
      remembers_(parts.journal != nullptr),
      fleet_(name_,
             {parts.provider, parts.executor, parts.membership, parts.random, parts.journal}) {
  use_policy();
  fleet_.on_first_list([this] {
    restore_memory();
    if (has_ticked_) decide();
  });
}

FleetRules PoolScaler::fleet_rules() const {
  FleetRules rules;
  const bool acts = policy_.mode == Mode::act;
  rules.may_remove = acts || policy_.mode == Mode::scale_out_only;
  rules.may_create = rules.may_remove && !shutting_down_;
  rules.may_drain = acts;
  rules.drain_timeout = policy_.drain_timeout;
  rules.boot_timeout = policy_.boot_timeout;
  rules.standby = policy_.standby;
  return rules;
}

void PoolScaler::use_policy() {
  signals_.settings = law_settings(policy_);
  Result<Schedule> schedule = Schedule::parse(policy_.schedule, schedule_clock_);
  if (!schedule) {
    // The configuration has been checked before, so this is a caller's error; without a floor the
    // pool still follows its load.
    spdlog::error("pool {}: schedule: {}", name_, schedule.error().detail);
    schedule_ = Schedule();
  } else {
    schedule_ = std::move(*schedule);
  }
  signals_.schedule = &schedule_;
  fleet_.apply(fleet_rules(), now_);
}

void PoolScaler::apply(const Policy& policy, Time now) {
  now_ = now;
  policy_ = policy;
  fleet_.try_now();
  use_policy();
}

void PoolScaler::tick(const LoadSample& load, Time now, WallTime wall) {
  load_ = load;
  now_ = now;
  wall_ = wall;
  has_ticked_ = true;
  fleet_.observe(now, wall);
  decide();
  keep_memory();
  fleet_.reconcile(now);
  tell_expectation();
  watch_alarms();
  emit_changes();
}

void PoolScaler::begin_shutdown() {
  const bool first = !std::exchange(shutting_down_, true);
  fleet_.apply(fleet_rules(), now_);
  if (!first || !remembers_ || !fleet_.is_known()) return;
  fleet_.keep_memory(save(law_, now_, wall_));
  fleet_.write_soon();
}

void PoolScaler::stop_instances(Time now) {
  now_ = now;
  begin_shutdown();
  fleet_.stop_all(now);
  fleet_.reconcile(now);
}

void PoolScaler::drain_instances(Time now) {
  now_ = now;
  begin_shutdown();
  fleet_.drain_all(now);
  fleet_.reconcile(now);
}

void PoolScaler::restore_memory() {
  const std::optional<std::string> memory = fleet_.take_memory();
  if (!memory) return;
  Result<LawState> state = restore(*memory, now_, wall_);
  if (state) {
    law_ = std::move(*state);
  } else {
    spdlog::warn("pool {}: what was learned is forgotten: {}", name_, state.error().detail);
  }
}

void PoolScaler::keep_memory() {
  if (!remembers_ || shutting_down_ || !fleet_.is_known()) return;
  if (memory_kept_at_ && now_ - *memory_kept_at_ < kKeepMemoryEvery) return;
  const bool first = !memory_kept_at_;
  memory_kept_at_ = now_;
  if (!first) fleet_.keep_memory(save(law_, now_, wall_));
}

void PoolScaler::read_signals() {
  signals_.load = load_;
  signals_.wall = wall_;
  const FleetView& view = fleet_.view();
  signals_.ready = view.ready;
  signals_.down = view.down;
  signals_.boots = view.boots;
  signals_.booted.clear();
  for (BootDone& boot : fleet_.take_booted()) {
    signals_.booted.push_back({boot.seconds, std::move(boot.kind)});
  }
  signals_.next_boot = fleet_.next_boot_kind();
  const Obstacle shortage = fleet_.shortage();
  signals_.shortage = shortage == Obstacle::none ? std::string_view{} : to_string(shortage);
  signals_.most = std::numeric_limits<uint32_t>::max();
  if (shortage == Obstacle::quota) {
    const auto boots = static_cast<uint32_t>(view.boots.size());
    signals_.most = view.ready + boots + view.draining + view.standby;
  }
  const bool stalled = fleet_.failures_in_a_row() >= kHopelessFrom && view.boots.empty();
  signals_.deploying = !stalled && fleet_.is_rolling();
  signals_.freeze = {};
  if (!fleet_.list_is_fresh()) {
    signals_.freeze = "list_failed";
  } else if (policy_.mode == Mode::scale_out_only) {
    signals_.freeze = "scale_out_only";
  }
}

void PoolScaler::collect_losses() {
  for (const Loss& loss : fleet_.take_losses()) {
    spdlog::warn("pool {}: instance {} lost ({}): {}", name_, loss.name, loss.reason, loss.detail);
    ++lost_;
    loss_reason_ = loss.reason;
    loss_text_ = fmt::format("{} ({})", loss.name, loss.detail);
  }
}

void PoolScaler::decide() {
  collect_losses();
  if (shutting_down_) {
    hold_without_law("shutting_down", "Shutting down: nothing is decided any more.");
    return;
  }
  if (!fleet_.is_known()) {
    const std::string& error = fleet_.list_error();
    hold_without_law("list_unknown", error.empty()
                                         ? "Waiting for the provider's first list of instances."
                                         : "The provider's first list of instances failed.");
    return;
  }
  read_signals();
  last_output_ = step(law_, signals_, now_);
  fleet_.note_target(last_output_.target, last_output_.boot_seconds);
  note_base();
  if (policy_.mode == Mode::off) {
    hold_without_law("mode_off", "Scaling is off.");
    return;
  }
  carry_out();
}

// While old instances are replaced, what the law wanted at the beginning goes on serving, and more
// if it is needed.
void PoolScaler::note_base() {
  if (!fleet_.is_rolling()) {
    base_.reset();
    return;
  }
  const uint32_t target = last_output_.target;
  base_ = std::max(last_output_.need, std::min(base_.value_or(target), target));
}

void PoolScaler::carry_out() {
  const LawOutput& out = last_output_;
  Outcome outcome;
  outcome.reason = out.reason;
  if (policy_.mode == Mode::observe) {
    outcome.action = Action::observe;
  } else if (out.move == Move::out) {
    outcome = move_out();
  } else if (base_) {
    if (!roll(outcome) && out.move == Move::in) outcome.reason = "deploy";
  } else if (out.move == Move::in) {
    outcome = move_in();
  }
  if (out.move != Move::out) lost_ = 0;
  last_outcome_ = std::move(outcome);
  const DecisionLog::Key key = {last_outcome_.action, last_outcome_.reason, out.target, out.planned,
                                out.need};
  if (log_.repeat(key, now_)) {
    last_is_stale_ = true;
  } else {
    record(describe());
  }
}

PoolScaler::Outcome PoolScaler::move_out() {
  const Added added = fleet_.scale_out(last_output_.target - last_output_.planned, now_);
  Outcome outcome;
  outcome.reason = last_output_.reason;
  outcome.done.created = added.created;
  outcome.done.started = added.started;
  outcome.done.undrained = added.undrained;
  outcome.done.held_back = added.held_back;
  const uint32_t gained = added.created + added.started + added.undrained;
  if (gained == 0) {
    outcome.reason = added.obstacle.empty() ? "boot_backoff" : added.obstacle;
    return outcome;
  }
  if (lost_ > 0) {
    outcome.action = Action::replace;
    outcome.reason = loss_reason_;
    outcome.done.loss =
        lost_ == 1 ? loss_text_ : fmt::format("{} and {} more", loss_text_, lost_ - 1);
    lost_ -= std::min(lost_, gained);
    return outcome;
  }
  outcome.action = added.created + added.started == 0 ? Action::undrain : Action::scale_out;
  return outcome;
}

// True if there was something to do.
bool PoolScaler::roll(Outcome& outcome) {
  const Rolled rolled = fleet_.roll(*base_, now_);
  if (rolled.added + rolled.drained == 0) return false;
  outcome.action = Action::replace;
  outcome.reason = "rollout";
  outcome.done.created = rolled.added;
  outcome.done.drained = rolled.drained;
  return true;
}

PoolScaler::Outcome PoolScaler::move_in() {
  Outcome outcome;
  const LawOutput& out = last_output_;
  const uint32_t serving = std::clamp(out.need, signals_.settings.min, signals_.settings.max);
  outcome.done.drained = fleet_.scale_in(out.planned - out.target, serving, out.boot_seconds, now_);
  outcome.action = outcome.done.drained > 0 ? Action::scale_in : Action::hold;
  outcome.reason = outcome.done.drained > 0 ? out.reason : "no_candidate";
  return outcome;
}

Decision PoolScaler::describe() const {
  const LawOutput& out = last_output_;
  Decision decision;
  decision.action = last_outcome_.action;
  decision.reason = last_outcome_.reason;
  decision.target = out.target;
  decision.planned = out.planned;
  decision.need = out.need;
  decision.inputs = decision_inputs(out, signals_);
  decision.formula = decision_formula(out, signals_.settings);
  decision.sentence =
      decision_sentence(last_outcome_.action, last_outcome_.reason, out, last_outcome_.done);
  return decision;
}

const DecisionLog& PoolScaler::decisions() const {
  if (std::exchange(last_is_stale_, false)) log_.refresh_last(describe());
  return log_;
}

void PoolScaler::hold_without_law(std::string_view reason, std::string_view sentence) {
  const LawSettings& settings = signals_.settings;
  const FleetView& view = fleet_.view();
  const uint32_t planned = view.ready + static_cast<uint32_t>(view.boots.size());
  const uint32_t target = std::clamp(planned, settings.min, settings.max);
  last_is_stale_ = false;
  if (log_.repeat({Action::hold, reason, target, planned, last_output_.need}, now_)) return;
  Decision decision;
  decision.action = Action::hold;
  decision.reason = reason;
  decision.planned = planned;
  decision.target = target;
  decision.need = last_output_.need;
  decision.inputs = {{"planned", planned}, {"min", settings.min}, {"max", settings.max}};
  decision.formula = fmt::format("without the law: clamp({}, {}, {})={}", planned, settings.min,
                                 settings.max, target);
  decision.sentence = sentence;
  record(std::move(decision));
}

void PoolScaler::record(Decision decision) {
  decision.at = now_;
  last_is_stale_ = false;
  const Decision& stored = log_.record(std::move(decision));
  emit_decision(stored);
  if (stored.action == Action::hold || stored.action == Action::observe) return;
  spdlog::info("pool {}: {} {} -> {} ({}): {}", name_, to_string(stored.action), stored.planned,
               stored.target, stored.reason, stored.sentence);
}

// Waiting makes sense while something boots, or while the first request would make something boot.
void PoolScaler::tell_expectation() {
  const FleetView& view = fleet_.view();
  const bool can_create =
      !shutting_down_ && (policy_.mode == Mode::act || policy_.mode == Mode::scale_out_only);
  const bool would_create = can_create && fleet_.failures_in_a_row() < kHopelessFrom &&
                            fleet_.shortage() == Obstacle::none;
  const bool coming = !view.boots.empty() || (view.ready == 0 && would_create);
  const double median =
      last_output_.boot_median > 0 ? last_output_.boot_median : signals_.settings.boot_estimate;
  membership_.expect_capacity(coming && !shutting_down_, from_seconds(median));
}

}  // namespace flaskscale::scaler
