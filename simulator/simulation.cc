#include "simulator/simulation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "base/random.h"
#include "simulator/flaskscale_driver.h"
#include "simulator/simulated_clock.h"

namespace flaskscale::simulator {
namespace {

// After the last arrival those who wait are served, or give up.
constexpr Duration kEpilogue = std::chrono::seconds(200);

bool is_within(const std::vector<std::pair<double, double>>& windows, double at) {
  return std::any_of(windows.begin(), windows.end(),
                     [at](const auto& window) { return at >= window.first && at < window.second; });
}

// Who serves at the start has done so for long: no ramp.
balancer::PoolSettings at_full_slots(balancer::PoolSettings settings) {
  settings.slow_start = Duration::zero();
  return settings;
}

// Counts changes of size and changes of their direction.
class ActionCount {
 public:
  void look(uint64_t made, uint64_t taken_away, SimulationResult& result) {
    const int direction = made > made_ ? 1 : taken_away > taken_away_ ? -1 : 0;
    made_ = made;
    taken_away_ = taken_away;
    if (direction == 0) return;
    ++result.actions;
    if (last_ != 0 && direction != last_) ++result.reversals;
    last_ = direction;
  }

 private:
  uint64_t made_ = 0;
  uint64_t taken_away_ = 0;
  int last_ = 0;
};

class Run {
 public:
  Run(const SimulationSettings& settings, const Workload& workload,
      const DriverFactory& make_driver)
      : settings_(settings),
        workload_(workload),
        seeds_(settings.seed),
        provider_(settings.cloud, clock_, seeds_.next()),
        traffic_(at_full_slots(settings.pool), workload,
                 {settings.detail, settings.slo_wait, seeds_.next()}, clock_, result_.tally),
        bridge_(traffic_, provider_, clock_, settings.hold),
        curve_(workload.rate) {
    result_.timeline = Timeline(workload.seconds, settings.timeline_points);
    provider_.begin_with(settings.begin_with, FlaskScaleDriver::kNamePrefix);
    driver_ = make_driver({provider_, bridge_, clock_, seeds_.next()});
    tick();
    traffic_.pool().apply(settings.pool, clock_.now);
  }

  SimulationResult run() {
    const auto seconds = static_cast<uint64_t>(workload_.seconds);
    for (uint64_t at = 0; at < seconds; ++at) second(static_cast<double>(at));
    result_.seconds = workload_.seconds;
    result_.instance_seconds = provider_.billed_seconds();
    result_.started = provider_.started();
    result_.refused = provider_.refused();
    result_.calm_seconds = traffic_.calm_seconds();
    traffic_.become_exact();
    traffic_.plant().run_out(clock_.now + kEpilogue);
    result_.killed = bridge_.killed();
    result_.idle_slot_while_queued = traffic_.pool().idle_slot_while_queued_seconds();
    return std::move(result_);
  }

 private:
  void second(double at) {
    crash_what_is_due(at);
    const LoadCurveReader::Span rate = curve_.span(at, at + 1);
    const PoolBridge::Census before = bridge_.census();
    traffic_.begin_second(rate, before.slots, !before.finishing);
    const Time end = clock_.now + std::chrono::seconds(1);
    for (auto event = provider_.next_event(); event && *event < end;
         event = provider_.next_event()) {
      traffic_.run_until(std::max(*event, clock_.now));
      provider_.advance(bridge_);
    }
    traffic_.run_until(end);
    traffic_.end_second(before.warming);
    const double service = workload_.service.mean_at(at);
    bridge_.fade(std::exp(-1 / service));
    tick();
    remember(rate, service);
  }

  void crash_what_is_due(double at) {
    while (next_crash_ < settings_.crashes.size() && settings_.crashes[next_crash_].at <= at) {
      traffic_.become_exact();
      provider_.crash(settings_.crashes[next_crash_++].share, bridge_);
    }
  }

  void tick() {
    Observation seen;
    seen.load = traffic_.sample();
    if (is_within(settings_.blind, clock_.seconds())) seen.load.coverage = 0;
    seen.wall = workload_.begins + std::chrono::duration_cast<std::chrono::milliseconds>(
                                       clock_.now - SimulatedClock::kStart);
    seen.mean_in_flight = traffic_.mean_in_flight();
    seen.mean_waiting = traffic_.mean_waiting();
    driver_->tick(seen);
    last_load_ = seen.load;
    actions_.look(provider_.started() + bridge_.undrained(), bridge_.drained(), result_);
    result_.peak = std::max(result_.peak, provider_.billed());
  }

  void remember(const LoadCurveReader::Span& rate, double service) {
    if (!result_.timeline.is_kept()) return;
    const Tally& tally = result_.tally;
    Timeline::Second now;
    now.requests = tally.requests - before_.requests;
    now.late = tally.late - before_.late;
    now.dropped = tally.dropped - before_.dropped;
    now.load = rate.mean * service;
    const PoolBridge::Census census = bridge_.census();
    now.slots = census.slots;
    now.wanted = driver_->wanted();
    now.ready = census.ready;
    now.booting = provider_.booting();
    now.ending = std::max(0.0, provider_.billed() - now.ready - now.booting);
    now.queued = static_cast<double>(last_load_.queued);
    now.oldest_wait = last_load_.oldest_wait_seconds;
    before_ = {tally.requests, tally.late, tally.dropped};
    result_.timeline.add(now);
  }

  struct Before {
    double requests = 0;
    double late = 0;
    double dropped = 0;
  };

  const SimulationSettings& settings_;
  const Workload& workload_;
  Random seeds_;
  SimulatedClock clock_;
  SimulationResult result_;
  SimulatedProvider provider_;
  Traffic traffic_;
  PoolBridge bridge_;
  LoadCurveReader curve_;
  std::unique_ptr<ScalingDriver> driver_;
  ActionCount actions_;
  scaler::LoadSample last_load_;
  Before before_;
  size_t next_crash_ = 0;
};

}  // namespace

SimulationResult simulate(const SimulationSettings& settings, const Workload& workload,
                          const DriverFactory& make_driver) {
  return Run(settings, workload, make_driver).run();
}

}  // namespace flaskscale::simulator
