#include "scaler/law.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace flaskscale::scaler {
namespace {

// Needs are kept this many times longer than configured per boot time beyond a minute: 5 B at 300
// s.
constexpr double kWindowPerBootSeconds = 1.0 / 60;
constexpr double kYoungestReadiness = 2;  // seconds: the soonest a boot that is due may be expected
constexpr size_t kMostChanges = 4096;     // of the planned size within that
constexpr Duration kPlannedHorizon = std::chrono::seconds(600);  // the longest boot time

// A wall clock that may be reckoned with: after 1970 and before 2500.
bool is_known(WallTime wall) {
  constexpr WallTime kLast = std::chrono::sys_days(std::chrono::year(2500) / 1 / 1);
  return wall > WallTime{} && wall < kLast;
}

struct Boots {
  uint32_t planned = 0;  // those that count as capacity on its way
  uint32_t overdue = 0;
  std::span<const double> ready_in;  // of the planned ones, ascending
};

// An overdue boot counts as no capacity, so that it is replaced; only a share at a time, oldest
// first.
Boots judge_boots(LawState& state, const LawSignals& signals, double boot_seconds, Time now) {
  std::vector<double>& expected = state.scratch;
  expected.clear();
  for (const Time created : signals.boots) {
    expected.push_back(boot_seconds - to_seconds(now - created));
  }
  if (!std::is_sorted(expected.begin(), expected.end())) {
    std::sort(expected.begin(), expected.end());
  }
  const double patience = std::max(1.5 * boot_seconds, boot_seconds + 30);
  const auto most =
      std::max(1U, static_cast<uint32_t>(signals.settings.overdue_share * state.target));
  Boots boots;
  for (double& ready_in : expected) {
    if (boot_seconds - ready_in > patience && boots.overdue < most) ++boots.overdue;
    ready_in = std::max(ready_in, kYoungestReadiness);
  }
  boots.ready_in = std::span<const double>(expected).subspan(boots.overdue);
  boots.planned = static_cast<uint32_t>(boots.ready_in.size());
  return boots;
}

bool update_idle(LawState& state, const LawSignals& signals, Time now) {
  const LoadSample& load = signals.load;
  const bool first = !state.last_arrivals.has_value();
  const bool arrived = !first && load.coverage > 0 && load.arrivals != *state.last_arrivals;
  const bool something_runs = first && (signals.ready > 0 || !signals.boots.empty());
  if (load.in_flight > 0 || load.queued > 0 || arrived || something_runs || load.coverage < 1) {
    state.last_active = now;
  }
  if (load.coverage > 0) state.last_arrivals = load.arrivals;
  if (signals.settings.min > 0) return false;
  return !state.last_active ||
         to_seconds(now - *state.last_active) >= signals.settings.idle_to_zero;
}

void note_time(LawState& state, const LawSignals& signals, LoadWindow::Step seen, Time now) {
  if (seen == LoadWindow::Step::jumped) {
    state.needed.restart_at(now);
    state.slots_forecast.restart_at(now);
    state.backlog_need.restart_at(now);
    state.planned.clear();
    state.started = now;
    state.last_scale_in.reset();
    state.futility.interrupt();
    if (state.last_active && *state.last_active > now) state.last_active = now;
  }
  if (!state.started) state.started = now;
  if (signals.load.coverage < 1) {
    state.covered_since.reset();
    state.futility.interrupt();
  } else if (!state.covered_since || *state.covered_since > now) {
    state.covered_since = now;
  }
}

// The size one boot time ago: what was planned last before `then`, or the oldest known.
uint32_t planned_at(const LawState& state, Time then, uint32_t now_planned) {
  uint32_t planned = state.planned.empty() ? now_planned : state.planned.front().second;
  for (const auto& [at, size] : state.planned) {
    if (at > then) break;
    planned = size;
  }
  return planned;
}

void remember_planned(LawState& state, uint32_t planned, Time now) {
  if (state.planned.empty() || state.planned.back().second != planned) {
    state.planned.emplace_back(now, planned);
  }
  while (state.planned.size() > kMostChanges ||
         (state.planned.size() > 1 && now - state.planned[1].first > kPlannedHorizon)) {
    state.planned.pop_front();
  }
}

void look_ahead(LawState& state, const LawSignals& signals, LoadWindow::Step seen, Time now,
                LawOutput& out) {
  const bool is_whole = seen == LoadWindow::Step::measured && signals.load.coverage >= 1;
  if (signals.load.coverage < 1 || seen == LoadWindow::Step::jumped) state.forecasts.interrupt();
  ForecastInputs inputs;
  inputs.arrival_rate = state.load.arrival_rate();
  inputs.fast_rate = state.load.fast_rate();
  inputs.boot_seconds = out.boot_seconds;
  inputs.availability = signals.settings.availability;
  inputs.initial_headroom = signals.settings.headroom;
  if (is_known(signals.wall)) inputs.wall = signals.wall;
  if (is_whole) {
    inputs.arrivals = state.load.last_arrivals();
    inputs.seconds = state.load.last_seconds();
  }
  out.forecast = state.forecasts.update(inputs, now);
}

NeedMemory::Rule keep_rule(const LawSettings& settings, double boot_seconds) {
  const double window = settings.keep_window * std::max(1.0, boot_seconds * kWindowPerBootSeconds);
  return {settings.keep_share, std::min(boot_seconds, window), window};
}

void size_the_need(LawState& state, const LawSignals& signals, const Boots& boots,
                   bool data_is_whole, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  const bool queue_is_empty = signals.load.queued == 0;
  // Work in flight is a floor of the load, except while requests wait: then it only says that all
  // slots are taken. Until a service time is known it is the only evidence there is.
  const double floor = state.load.service_time_is_measured() ? state.load.calm_in_flight()
                                                             : state.load.mean_in_flight();
  out.offered_load = std::max(out.forecast.rate * out.service_time, floor);
  out.slots = slots_for(out.offered_load, out.forecast.headroom, settings.beta);
  out.flow_need = out.idle ? 0 : whole_instances(out.slots / settings.slots_per_instance);

  if (!out.idle) {
    const double serving =
        static_cast<double>(signals.ready - std::min(signals.ready, signals.down));
    const Backlog backlog = project_backlog(
        {static_cast<double>(signals.load.queued), state.load.fast_rate(), out.arrival_rate,
         out.forecast.rate, out.service_time, serving, boots.ready_in, out.boot_seconds},
        settings);
    out.backlog = backlog.requests;
    out.backlog_need = backlog.need;
  }
  if (signals.schedule != nullptr && is_known(signals.wall)) {
    out.schedule_floor = state.schedule.floor(*signals.schedule, signals.wall, out.boot_seconds);
  }
  uint32_t need =
      std::max({out.flow_need, out.backlog_need, out.schedule_floor, queue_is_empty ? 0U : 1U});
  if (!data_is_whole) need = std::max(need, state.need);
  out.need = std::clamp(need, settings.min, settings.max);
  state.need = out.need;

  const double present = slots_for(std::max(out.arrival_rate * out.service_time, floor),
                                   out.forecast.headroom, settings.beta);
  state.needed.note(
      out.idle ? 0 : whole_instances(settings.keep_factor * present / settings.slots_per_instance),
      settings.slots_per_instance, keep_rule(settings, out.boot_seconds), now);
  state.slots_forecast.add(out.slots, now);
  state.backlog_need.add(out.backlog_need, now);
}

void size_what_to_keep(const LawState& state, const LawSignals& signals, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  uint32_t keep = state.needed.kept(keep_rule(settings, out.boot_seconds), now);
  const double forecast_keep =
      std::min(settings.forecast_keep * out.boot_seconds, settings.keep_window);
  const double slots = state.slots_forecast.max(from_seconds(forecast_keep), now);
  keep = std::max(keep, whole_instances(slots / settings.slots_per_instance));
  const double backlog = state.backlog_need.max(from_seconds(settings.backlog_keep), now);
  keep = std::max(keep, whole_instances(backlog));
  // The last trace of a load never quite fades from the averages; the idle time is what ends it.
  if (out.idle && keep <= 1) keep = 0;
  if (!out.idle) keep = std::max(keep, 1U);
  out.keep = std::clamp(std::max(keep, out.need), settings.min, settings.max);
}

std::string_view shortage_reason(std::string_view shortage) {
  if (shortage == "quota") return "quota";
  return shortage == "configuration" ? "configuration" : "stockout";
}

// Why the pool may not shrink now; empty when it may.
std::string_view why_not_in(const LawState& state, const LawSignals& signals, const LawOutput& out,
                            Time now) {
  const LawSettings& settings = signals.settings;
  const auto younger_than = [now](Time since, double seconds) {
    return to_seconds(now - since) < seconds;
  };
  if (!signals.freeze.empty()) return signals.freeze;
  if (signals.deploying) return "deploy";
  if (!signals.shortage.empty()) return shortage_reason(signals.shortage);
  if (signals.load.queued > 0) return "requests_wait";
  if (!state.covered_since) return "front_door_silent";
  if (out.keep >= out.planned) return "recent_need";
  if (younger_than(*state.started, settings.keep_window)) return "just_started";
  if (younger_than(*state.covered_since, settings.coverage_patience)) {
    return "front_door_was_silent";
  }
  if (state.last_scale_in && younger_than(*state.last_scale_in, settings.scale_in_interval)) {
    return "scale_in_interval";
  }
  return {};
}

// Why so many are needed, of the reasons to grow.
std::string_view why_needed(const LawSignals& signals, const LawOutput& out) {
  const uint32_t by_load = std::max(out.flow_need, out.backlog_need);
  if (by_load < out.need && out.schedule_floor >= out.need) return "schedule";
  if (by_load < out.need && signals.settings.min >= out.need) return "below_min";
  if (out.planned == 0 && signals.load.queued > 0) return "first_request";
  return out.flow_need >= out.backlog_need ? "load" : "backlog";
}

void move_out(LawState& state, const LawSignals& signals, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  const uint32_t before = planned_at(state, now - from_seconds(out.boot_seconds), out.planned);
  out.growth_limit = whole_instances(std::max(
      {settings.up_factor * before, before + settings.up_step, static_cast<double>(settings.min)}));
  // What was promised for its own sake is not braked.
  const uint32_t not_futile = std::max({state.futility.most().value_or(settings.max), settings.min,
                                        std::min(out.schedule_floor, settings.max)});
  const uint32_t target = std::min({out.need, out.growth_limit, signals.most, not_futile});
  if (target > out.planned) {
    out.move = Move::out;
    out.target = std::max(target, settings.min);
    out.reason = why_needed(signals, out);
  } else if (signals.most <= out.planned && !signals.shortage.empty()) {
    out.reason = shortage_reason(signals.shortage);
  } else {
    out.reason = not_futile <= out.planned ? "futile" : "growth_limit";
  }
}

void move_in(LawState& state, const LawSignals& signals, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  if (out.planned > settings.max && signals.freeze.empty()) {
    out.move = Move::in;
    out.target = settings.max;
    out.reason = "above_max";
    return;
  }
  const std::string_view obstacle = why_not_in(state, signals, out, now);
  if (!obstacle.empty()) {
    out.reason = obstacle;
    return;
  }
  const auto step_size = std::max(1U, static_cast<uint32_t>(settings.scale_in_share * out.planned));
  out.move = Move::in;
  out.target = out.planned - std::min(out.planned - out.keep, step_size);
  out.reason = out.idle && out.target == 0 ? "idle" : "surplus";
  state.last_scale_in = now;
}

}  // namespace

bool LawState::settle() const {
  return planned.size() <= kMostChanges &&
         std::is_sorted(planned.begin(), planned.end(),
                        [](const auto& a, const auto& b) { return a.first < b.first; });
}

LawOutput step(LawState& state, const LawSignals& signals, Time now) {
  const LawSettings& settings = signals.settings;
  for (const Booted& boot : signals.booted) state.boots.add(boot);
  const LoadWindow::Step seen = state.load.add(signals.load, settings.service_time_estimate, now);
  note_time(state, signals, seen, now);

  LawOutput out;
  out.boot_seconds = state.boots.q90(signals.next_boot, settings.boot_estimate);
  out.boot_median = state.boots.median(signals.next_boot, settings.boot_estimate);
  out.service_time = state.load.service_time();
  out.arrival_rate = state.load.arrival_rate();
  out.mean_in_flight = state.load.mean_in_flight();
  out.queued = static_cast<double>(signals.load.queued);
  out.idle = update_idle(state, signals, now);

  const Boots boots = judge_boots(state, signals, out.boot_seconds, now);
  out.planned = signals.ready + boots.planned;
  out.overdue = boots.overdue;
  state.futility.update({signals.ready, out.planned, out.queued, state.load.completion_rate(),
                         state.load.mean_holding_time()},
                        now);
  out.futile = state.futility.most().has_value();
  look_ahead(state, signals, seen, now, out);
  const bool data_is_whole = signals.load.coverage >= 1 && seen != LoadWindow::Step::jumped;
  size_the_need(state, signals, boots, data_is_whole, now, out);
  size_what_to_keep(state, signals, now, out);
  remember_planned(state, out.planned, now);

  out.target = std::clamp(out.planned, settings.min, settings.max);
  if (out.need > out.planned) {
    move_out(state, signals, now, out);
  } else if (out.planned > out.need || out.planned > settings.max) {
    move_in(state, signals, now, out);
  } else {
    const bool is_scheduled = out.schedule_floor >= out.need && out.need > settings.min &&
                              std::max(out.flow_need, out.backlog_need) < out.need;
    out.reason = is_scheduled ? "schedule" : out.need == settings.max ? "at_max" : "enough";
  }
  state.target = out.target;
  state.last_step = now;
  return out;
}

}  // namespace flaskscale::scaler
