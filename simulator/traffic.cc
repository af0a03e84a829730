#include "simulator/traffic.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::simulator {
namespace {

// Requests are taken in bulk again only when the last seconds one by one were quiet, so that the
// two ways do not alternate every second.
constexpr uint32_t kExactSeconds = 2;
constexpr uint64_t kRestingTick = 10;  // seconds

uint64_t whole_count(double count) {
  return static_cast<uint64_t>(std::llround(std::max(count, 0.0)));
}

}  // namespace

Traffic::Traffic(const balancer::PoolSettings& pool, const Workload& workload,
                 const Options& options, SimulatedClock& clock, Tally& tally)
    : settings_(pool),
      workload_(workload),
      options_(options),
      clock_(clock),
      tally_(tally),
      plant_(pool, workload, options.slo_wait, clock, tally, options.seed),
      flow_(workload.service.spread, options.seed ^ 0x9e3779b97f4a7c15U) {}

bool Traffic::may_be_calm(const LoadCurveReader::Span& rate, double slots) const {
  if (options_.detail == Detail::exact || !workload_.requests.empty()) return false;
  if (plant_.waiting() > 0) return false;
  if (!calm_ && exact_for_ < kExactSeconds && clock_.now > SimulatedClock::kStart) return false;
  const double service = workload_.service.mean_at(clock_.seconds());
  const double load = rate.peak * service;
  const auto in_flight = static_cast<double>(calm_ ? flow_.in_flight() : plant_.in_flight());
  if (in_flight >= slots && (in_flight > 0 || rate.peak > 0)) return false;
  return flaskscale::simulator::is_calm(slots, load, service, options_.slo_wait);
}

void Traffic::begin_second(const LoadCurveReader::Span& rate, double slots, bool settled) {
  rate_ = rate;
  slots_ = slots;
  const bool calm = settled && may_be_calm(rate, slots);
  if (calm && !calm_) become_calm();
  if (!calm && calm_) become_exact();
}

void Traffic::become_calm() {
  pool().tick(clock_.now);  // the slots are freed at this time, not at that of its last tick
  const uint64_t count = plant_.hand_over();
  flow_.begin_with(count);
  calm_ = true;
  exact_for_ = 0;
}

void Traffic::become_exact() {
  if (!calm_) return;
  calm_ = false;
  exact_for_ = 0;
  const uint64_t count = flow_.in_flight();
  taken_over_ += static_cast<double>(count);
  flow_.begin_with(0);
  plant_.take_over(count);
}

void Traffic::run_until(Time until) {
  if (!calm_) {
    plant_.run(until, rate_.mean);
  } else {
    clock_.now = until;
  }
}

void Traffic::end_second(bool ramping) {
  if (calm_) {
    const double service = workload_.service.mean_at(clock_.seconds() - 1);
    flow_.second(rate_.mean, service, slots_, tally_);
    // With nobody waiting and no slots to open the pool has little to do.
    ++calm_seconds_;
    if (ramping || calm_seconds_ % kRestingTick == 0) pool().tick(clock_.now);
  } else {
    ++exact_for_;
  }
}

// The plant's own counters, and what went past it.
scaler::LoadSample Traffic::sample() {
  const balancer::LoadReading load = pool().read_load(clock_.now);
  const CalmFlow::Counters& calm = flow_.counters();
  scaler::LoadSample sample;
  sample.arrivals = whole_count(static_cast<double>(load.arrivals) + calm.arrivals - taken_over_);
  sample.dispatched =
      whole_count(static_cast<double>(load.dispatched) + calm.arrivals - taken_over_);
  sample.completions = whole_count(static_cast<double>(load.completions) + calm.completions);
  sample.holding_seconds = load.holding_seconds + calm.holding_seconds + plant_.earlier_holding();
  sample.in_flight_seconds = load.in_flight_seconds + calm.in_flight_seconds;
  sample.in_flight = in_flight();
  sample.queued = load.queued;
  sample.oldest_wait_seconds = load.oldest_wait_seconds;
  mean_in_flight_ = sample.in_flight_seconds - last_in_flight_seconds_;
  mean_waiting_ = tally_.waiting_seconds - last_waiting_seconds_;
  last_in_flight_seconds_ = sample.in_flight_seconds;
  last_waiting_seconds_ = tally_.waiting_seconds;
  return sample;
}

}  // namespace flaskscale::simulator
