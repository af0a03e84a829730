#include "scaler/pool_scaler.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace flaskscale::scaler {
namespace {

constexpr uint32_t kHopelessFrom = 3;  // failed boots in a row after which nobody is told to wait

}  // namespace

PoolScaler::PoolScaler(std::string name, const Policy& policy, Provider& provider,
                       BlockingExecutor& executor, Membership& membership, Random& random)
    : name_(std::move(name)),
      policy_(policy),
      membership_(membership),
      fleet_(name_, provider, executor, membership, random) {
  fleet_.apply(fleet_rules(), now_);
  fleet_.on_first_list([this] {
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
  return rules;
}

void PoolScaler::apply(const Policy& policy, Time now) {
  now_ = now;
  policy_ = policy;
  fleet_.apply(fleet_rules(), now);
}

void PoolScaler::tick(const LoadSample& load, Time now) {
  load_ = load;
  now_ = now;
  has_ticked_ = true;
  fleet_.observe(now);
  decide();
  fleet_.reconcile(now);
  tell_expectation();
}

void PoolScaler::begin_shutdown() {
  shutting_down_ = true;
  fleet_.apply(fleet_rules(), now_);
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

LawSignals PoolScaler::read_signals() {
  LawSignals signals;
  signals.settings = law_settings(policy_);
  signals.load = load_;
  const FleetView view = fleet_.view();
  signals.ready = view.ready;
  signals.down = view.down;
  signals.boots = view.boots;
  signals.booted = fleet_.take_booted();
  if (!fleet_.list_is_fresh()) {
    signals.freeze = "list_failed";
  } else if (policy_.mode == Mode::scale_out_only) {
    signals.freeze = "scale_out_only";
  }
  return signals;
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
    const std::string error = fleet_.last_error();
    hold_without_law("list_unknown", error.empty()
                                         ? "Waiting for the provider's first list of instances."
                                         : "The provider's first list failed: " + error);
    return;
  }
  const LawSignals signals = read_signals();
  last_output_ = step(law_, signals, now_);
  if (policy_.mode == Mode::off) {
    hold_without_law("mode_off", "Scaling is off.");
    return;
  }
  carry_out(last_output_, signals);
}

void PoolScaler::carry_out(const LawOutput& out, const LawSignals& signals) {
  Decision decision;
  decision.reason = out.reason;
  decision.target = out.target;
  Done done;
  if (policy_.mode == Mode::observe) {
    decision.action = Action::observe;
  } else if (out.move == Move::out) {
    carry_out_move_out(out, decision, done);
  } else if (out.move == Move::in) {
    done.drained = fleet_.scale_in(out.planned - out.target, out.boot_seconds, now_);
    decision.action = done.drained > 0 ? Action::scale_in : Action::hold;
    if (done.drained == 0) decision.reason = "no_candidate";
  }
  if (out.move != Move::out) lost_ = 0;
  decision.planned = out.planned;
  decision.need = out.need;
  decision.inputs = decision_inputs(out, signals);
  decision.formula = decision_formula(out, signals.settings);
  decision.sentence = decision_sentence(decision.action, decision.reason, out, done);
  record(std::move(decision));
}

void PoolScaler::carry_out_move_out(const LawOutput& out, Decision& decision, Done& done) {
  const Fleet::Added added = fleet_.scale_out(out.target - out.planned, now_);
  done.created = added.created;
  done.undrained = added.undrained;
  done.held_back = added.held_back;
  const uint32_t gained = added.created + added.undrained;
  if (gained == 0) {
    decision.action = Action::hold;
    decision.reason = "boot_backoff";
    return;
  }
  if (lost_ > 0) {
    decision.action = Action::replace;
    decision.reason = loss_reason_;
    done.loss = lost_ == 1 ? loss_text_ : fmt::format("{} and {} more", loss_text_, lost_ - 1);
    lost_ -= std::min(lost_, gained);
    return;
  }
  decision.action = added.created == 0 ? Action::undrain : Action::scale_out;
}

void PoolScaler::hold_without_law(std::string_view reason, std::string sentence) {
  Decision decision;
  decision.action = Action::hold;
  decision.reason = reason;
  const FleetView view = fleet_.view();
  decision.planned = view.ready + static_cast<uint32_t>(view.boots.size());
  const LawSettings settings = law_settings(policy_);
  decision.target = std::clamp(decision.planned, settings.min, settings.max);
  decision.need = last_output_.need;
  decision.inputs = {{"planned", decision.planned}, {"min", settings.min}, {"max", settings.max}};
  decision.formula = fmt::format("without the law: clamp({}, {}, {})={}", decision.planned,
                                 settings.min, settings.max, decision.target);
  decision.sentence = std::move(sentence);
  record(std::move(decision));
}

void PoolScaler::record(Decision decision) {
  decision.at = now_;
  const Decision& stored = log_.record(std::move(decision));
  if (stored.action == Action::hold || stored.action == Action::observe) return;
  spdlog::info("pool {}: {} {} -> {} ({}): {}", name_, to_string(stored.action), stored.planned,
               stored.target, stored.reason, stored.sentence);
}

// Waiting makes sense while something boots, or while the first request would make something boot.
void PoolScaler::tell_expectation() {
  const FleetView view = fleet_.view();
  const bool would_create = fleet_rules().may_create && fleet_.failures_in_a_row() < kHopelessFrom;
  const bool coming = !view.boots.empty() || (view.ready == 0 && would_create);
  const double median = law_.boots.median(law_settings(policy_).boot_estimate);
  membership_.expect_capacity(coming && !shutting_down_, from_seconds(median));
}

ScalerStatus PoolScaler::status(Time now) const {
  const LawSettings settings = law_settings(policy_);
  ScalerStatus status;
  status.mode = policy_.mode;
  status.min = settings.min;
  status.max = settings.max;
  const Decision* last = log_.last();
  status.desired = last == nullptr ? 0 : last->target;
  status.planned = last == nullptr ? 0 : last->planned;
  status.need = last_output_.need;
  status.offered_load = last_output_.offered_load;
  status.arrival_rate = last_output_.arrival_rate;
  status.service_time_seconds = last_output_.service_time;
  status.boot_seconds_q90 = law_.boots.q90(settings.boot_estimate);
  status.boot_seconds_median = law_.boots.median(settings.boot_estimate);
  status.instance_seconds = fleet_.instance_seconds(now);
  for (const auto& [name, instance] : fleet_.instances()) {
    status.instances.push_back({name, instance.id, instance.address, instance.state,
                                std::max(0.0, to_seconds(now - instance.created_at)),
                                instance.in_flight, instance.failure});
  }
  status.last_error = fleet_.last_error();
  return status;
}

}  // namespace flaskscale::scaler
