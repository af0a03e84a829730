#include "scaler/load_window.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr double kFastSeconds = 5;
constexpr double kSlowSeconds = 30;
constexpr double kWindowSeconds = 30;
constexpr double kEnough = 20;           // completions (or dispatches) that make a mean worth using
constexpr double kRisePerWindow = 1.25;  // of the service time while requests wait
constexpr double kLeastServiceTime = 1e-6;
constexpr Duration kHorizon = std::chrono::minutes(10);
constexpr Duration kJump = std::chrono::minutes(10);
constexpr size_t kMaxPieces = 2400;

double finite_or_zero(double value) { return std::isfinite(value) && value > 0 ? value : 0; }

bool runs_backwards(const LoadSample& before, const LoadSample& after) {
  return after.arrivals < before.arrivals || after.dispatched < before.dispatched ||
         after.completions < before.completions;
}

}  // namespace

LoadWindow::Step LoadWindow::add(const LoadSample& sample, double service_time_estimate, Time now) {
  if (!measured_) service_time_ = std::max(service_time_estimate, kLeastServiceTime);
  if (last_ && (now < last_at_ || now - last_at_ > kJump)) {
    pieces_.clear();
    last_.reset();
    last_at_ = now;
    if (sample.coverage > 0) last_ = sample;
    return Step::jumped;
  }
  if (!(sample.coverage > 0)) return Step::unknown;
  // When coverage rises, a front door brings along all it counted while it was silent.
  if (!last_ || runs_backwards(*last_, sample) || sample.coverage > last_->coverage) {
    last_ = sample;
    last_at_ = now;
    return Step::baseline;
  }
  const double seconds = to_seconds(now - last_at_);
  if (seconds <= 0) return Step::baseline;  // the next sample will hold these differences too

  const bool all_heard = sample.coverage >= 1;
  add_rates(static_cast<double>(sample.arrivals - last_->arrivals), seconds, all_heard);
  if (all_heard) {
    add_piece(sample, seconds, now);
    update_service_time(sample.queued == 0, seconds, now);
  }
  last_ = sample;
  last_at_ = now;
  return Step::measured;
}

void LoadWindow::add_rates(double arrivals, double seconds, bool may_fall) {
  const double rate = arrivals / seconds;
  const auto moved = [&](double average, double time_constant) {
    const double next = average + (1 - std::exp(-seconds / time_constant)) * (rate - average);
    return may_fall ? next : std::max(average, next);
  };
  fast_ = moved(fast_, kFastSeconds);
  slow_ = moved(slow_, kSlowSeconds);
}

void LoadWindow::add_piece(const LoadSample& sample, double seconds, Time now) {
  pieces_.push_back({now, seconds, static_cast<double>(sample.dispatched - last_->dispatched),
                     static_cast<double>(sample.completions - last_->completions),
                     finite_or_zero(sample.holding_seconds - last_->holding_seconds),
                     finite_or_zero(sample.in_flight_seconds - last_->in_flight_seconds)});
  while (now - pieces_.front().at > kHorizon || pieces_.size() > kMaxPieces) pieces_.pop_front();
}

// The mean holding time of completed requests; in-flight time per dispatched request lifts it while
// nobody waits, since long requests end late. Few dispatches beside long-lived connections would
// make that quotient meaningless, so it needs as many of them as the mean needs completions.
void LoadWindow::update_service_time(bool queue_is_empty, double seconds, Time now) {
  double completions = 0, holding = 0, dispatched = 0, in_flight = 0, length = 0;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    const bool recent = to_seconds(now - piece->at) < kWindowSeconds;
    if (!recent && completions >= kEnough) break;
    completions += piece->completions;
    holding += piece->holding_seconds;
    if (!recent) continue;
    dispatched += piece->dispatched;
    in_flight += piece->in_flight_seconds;
    length += piece->seconds;
  }
  mean_in_flight_ = length > 0 ? in_flight / length : 0;

  std::optional<double> candidate;
  if (completions >= kEnough) candidate = holding / completions;
  if (queue_is_empty && dispatched >= kEnough) {
    candidate = std::max(candidate.value_or(0), in_flight / dispatched);
  }
  if (!candidate) return;
  // A backend that stalls must not buy machines: while requests wait the estimate rises slowly.
  if (measured_ && !queue_is_empty) {
    const double most = service_time_ * std::pow(kRisePerWindow, seconds / kWindowSeconds);
    candidate = std::min(*candidate, most);
  }
  service_time_ = std::max(*candidate, kLeastServiceTime);
  measured_ = true;
}

}  // namespace flaskscale::scaler
