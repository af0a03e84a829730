#include "scaler/law.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr double kMostInstances = 1e9;
// Scale-in looks back this many times longer than configured per boot time beyond a minute: 5 B at
// 300 s.
constexpr double kWindowPerBootSeconds = 1.0 / 60;
constexpr double kYoungestReadiness = 2;  // seconds: the soonest a boot that is due may be expected
constexpr Duration kPlannedHorizon = std::chrono::seconds(600);  // the longest boot time

struct Boots {
  uint32_t planned = 0;  // those that count as capacity on its way
  uint32_t overdue = 0;
  std::vector<double> ready_in;  // of the planned ones, ascending
};

// An overdue boot counts as no capacity, so that it is replaced; only a share at a time, oldest
// first.
Boots judge_boots(const LawState& state, const LawSignals& signals, double boot_seconds, Time now) {
  std::vector<Time> created = signals.boots;
  std::sort(created.begin(), created.end());
  const double patience = std::max(1.5 * boot_seconds, boot_seconds + 30);
  const auto most =
      std::max(1U, static_cast<uint32_t>(signals.settings.overdue_share * state.target));
  Boots boots;
  for (const Time at : created) {
    const double age = to_seconds(now - at);
    if (age > patience && boots.overdue < most) {
      ++boots.overdue;
      continue;
    }
    ++boots.planned;
    boots.ready_in.push_back(std::max(boot_seconds - age, kYoungestReadiness));
  }
  std::sort(boots.ready_in.begin(), boots.ready_in.end());
  return boots;
}

// The load as it is now, with the headroom that the availability asks for.
Forecast forecast(const LawState& state, const LawSettings& settings) {
  return {state.load.arrival_rate(), settings.headroom};
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
    state.slots_needed.restart_at(now);
    state.backlog_need.restart_at(now);
    state.planned.clear();
    state.started = now;
    state.last_scale_in.reset();
    if (state.last_active && *state.last_active > now) state.last_active = now;
  }
  if (!state.started) state.started = now;
  if (signals.load.coverage < 1) {
    state.covered_since.reset();
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
  while (state.planned.size() > 1 && now - state.planned[1].first > kPlannedHorizon) {
    state.planned.pop_front();
  }
}

void size_the_need(LawState& state, const LawSignals& signals, const Boots& boots,
                   bool data_is_whole, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  const bool queue_is_empty = signals.load.queued == 0;
  out.forecast = forecast(state, settings);
  out.offered_load = out.forecast.rate * out.service_time;
  // Work in flight is a floor of the load, except while requests wait: then it only says that all
  // slots are taken. Until a service time is known it is the only evidence there is.
  if (queue_is_empty || !state.load.service_time_is_measured()) {
    out.offered_load = std::max(out.offered_load, out.mean_in_flight);
  }
  out.slots = slots_for(out.offered_load, out.forecast.headroom, settings.beta);
  out.flow_need = out.idle ? 0 : whole_instances(out.slots / settings.slots_per_instance);

  if (!out.idle) {
    const double serving =
        static_cast<double>(signals.ready - std::min(signals.ready, signals.down));
    const Backlog backlog = project_backlog(
        {static_cast<double>(signals.load.queued), state.load.fast_rate(), out.arrival_rate,
         out.service_time, serving, boots.ready_in, out.boot_seconds},
        settings);
    out.backlog = backlog.requests;
    out.backlog_need = backlog.need;
  }
  uint32_t need = std::max({out.flow_need, out.backlog_need, queue_is_empty ? 0U : 1U});
  if (!data_is_whole) need = std::max(need, state.need);
  out.need = std::clamp(need, settings.min, settings.max);
  state.need = out.need;

  state.slots_needed.add(out.slots, now);
  state.backlog_need.add(out.backlog_need, now);
}

void size_what_to_keep(const LawState& state, const LawSignals& signals, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  const double window =
      settings.keep_window * std::max(1.0, out.boot_seconds * kWindowPerBootSeconds);
  const double slots = state.slots_needed.max(from_seconds(window), now);
  uint32_t keep = whole_instances(settings.keep_factor * slots / settings.slots_per_instance);
  const double backlog = state.backlog_need.max(from_seconds(settings.backlog_keep), now);
  keep = std::max(keep, whole_instances(backlog));
  // The last trace of a load never quite fades from the averages; the idle time is what ends it.
  if (out.idle && keep <= 1) keep = 0;
  if (!out.idle) keep = std::max(keep, 1U);
  out.keep = std::clamp(std::max(keep, out.need), settings.min, settings.max);
}

// Why the pool may not shrink now; empty when it may.
std::string_view why_not_in(const LawState& state, const LawSignals& signals, const LawOutput& out,
                            Time now) {
  const LawSettings& settings = signals.settings;
  const auto younger_than = [now](Time since, double seconds) {
    return to_seconds(now - since) < seconds;
  };
  if (!signals.freeze.empty()) return signals.freeze;
  if (signals.load.queued > 0) return "requests_wait";
  if (!state.covered_since) return "front_door_silent";
  if (out.keep >= out.planned) return "recent_need";
  if (younger_than(*state.started, settings.keep_window)) return "just_started";
  if (younger_than(*state.covered_since,
                   std::min(settings.scale_in_interval, settings.keep_window))) {
    return "front_door_was_silent";
  }
  if (state.last_scale_in && younger_than(*state.last_scale_in, settings.scale_in_interval)) {
    return "scale_in_interval";
  }
  return {};
}

void move_out(LawState& state, const LawSignals& signals, Time now, LawOutput& out) {
  const LawSettings& settings = signals.settings;
  const uint32_t before = planned_at(state, now - from_seconds(out.boot_seconds), out.planned);
  out.growth_limit = whole_instances(std::max(
      {settings.up_factor * before, before + settings.up_step, static_cast<double>(settings.min)}));
  // A target below what is planned would be a scale-in.
  out.target = std::max(std::min({out.need, out.growth_limit, settings.max}),
                        std::min(out.planned, settings.max));
  if (out.target <= out.planned) {
    out.reason = "growth_limit";
    return;
  }
  out.move = Move::out;
  if (out.flow_need < out.need && out.backlog_need < out.need && settings.min >= out.need) {
    out.reason = "below_min";
  } else if (out.planned == 0 && signals.load.queued > 0) {
    out.reason = "first_request";
  } else {
    out.reason = out.flow_need >= out.backlog_need ? "load" : "backlog";
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

uint32_t whole_instances(double n) {
  if (!(n > 0)) return 0;
  return static_cast<uint32_t>(std::ceil(std::min(n, kMostInstances)));
}

double slots_for(double offered_load, double headroom, double beta) {
  if (!(offered_load > 0)) return 0;
  return std::max(offered_load * headroom, offered_load + beta * std::sqrt(offered_load));
}

Backlog project_backlog(const BacklogInputs& in, const LawSettings& settings) {
  const double per_instance = settings.slots_per_instance / in.service_time;  // requests/s
  double waiting = in.queued;
  double serving = in.ready;
  double previous = 0;
  const auto advance = [&](double until) {
    waiting = std::max(0.0, waiting + (in.fast_rate - serving * per_instance) * (until - previous));
    previous = until;
  };
  for (const double ready_in : in.boots_ready_in) {
    if (ready_in >= in.boot_seconds) break;
    advance(ready_in);
    serving += 1;
  }
  advance(in.boot_seconds);

  Backlog backlog;
  backlog.requests =
      std::min({waiting, in.fast_rate * settings.queue_timeout, settings.queue_capacity});
  if (!(backlog.requests > 0)) return {};
  const double slots = in.arrival_rate * in.service_time +
                       backlog.requests * in.service_time / settings.drain_target;
  backlog.need = whole_instances(slots / settings.slots_per_instance);
  return backlog;
}

LawOutput step(LawState& state, const LawSignals& signals, Time now) {
  const LawSettings& settings = signals.settings;
  for (const double seconds : signals.booted) state.boots.add(seconds);
  const LoadWindow::Step seen = state.load.add(signals.load, settings.service_time_estimate, now);
  note_time(state, signals, seen, now);

  LawOutput out;
  out.boot_seconds = state.boots.q90(settings.boot_estimate);
  out.boot_median = state.boots.median(settings.boot_estimate);
  out.service_time = state.load.service_time();
  out.arrival_rate = state.load.arrival_rate();
  out.mean_in_flight = state.load.mean_in_flight();
  out.queued = static_cast<double>(signals.load.queued);
  out.idle = update_idle(state, signals, now);

  const Boots boots = judge_boots(state, signals, out.boot_seconds, now);
  out.planned = signals.ready + boots.planned;
  out.overdue = boots.overdue;
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
    out.reason = out.need == settings.max ? "at_max" : "enough";
  }
  state.target = out.target;
  state.last_step = now;
  return out;
}

}  // namespace flaskscale::scaler
