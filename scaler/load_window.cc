#include "scaler/load_window.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr double kFastSeconds = 5;
constexpr double kSlowSeconds = 30;
constexpr Duration kWindow = std::chrono::seconds(30);
constexpr double kEnoughSamples = 20;    // completions (or dispatches) that make a mean worth using
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
    clear_pieces();
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
  last_arrivals_ = static_cast<double>(sample.arrivals - last_->arrivals);
  last_seconds_ = seconds;
  add_rates(last_arrivals_, seconds, all_heard);
  if (all_heard) {
    add_piece(sample, seconds, now);
    move_windows(sample.queued == 0 && last_->queued == 0, now);
    update_service_time(sample.queued == 0, seconds);
  }
  last_ = sample;
  last_at_ = now;
  return Step::measured;
}

void LoadWindow::forget_rates() {
  clear_pieces();
  last_.reset();
  fast_ = slow_ = 0;
  mean_in_flight_ = calm_in_flight_ = completion_rate_ = mean_holding_ = 0;
}

void LoadWindow::clear_pieces() {
  pieces_.clear();
  totals_ = {};
  recent_ = enough_ = calm_ = 0;
}

bool LoadWindow::settle() const {
  return pieces_.size() <= kMaxPieces && recent_ <= pieces_.size() && enough_ <= recent_ &&
         calm_ <= pieces_.size() && fast_ >= 0 && slow_ >= 0 && service_time_ >= 0 &&
         mean_in_flight_ >= 0 && (!measured_ || service_time_ >= kLeastServiceTime) &&
         std::is_sorted(pieces_.begin(), pieces_.end(),
                        [](const Piece& a, const Piece& b) { return a.at < b.at; });
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
  pieces_.push_back({now, totals_});
  totals_.seconds += seconds;
  totals_.dispatched += static_cast<double>(sample.dispatched - last_->dispatched);
  totals_.completions += static_cast<double>(sample.completions - last_->completions);
  totals_.holding_seconds += finite_or_zero(sample.holding_seconds - last_->holding_seconds);
  totals_.in_flight_seconds += finite_or_zero(sample.in_flight_seconds - last_->in_flight_seconds);
}

void LoadWindow::move_windows(bool nobody_waited, Time now) {
  while (now - pieces_.front().at > kHorizon || pieces_.size() > kMaxPieces) {
    pieces_.pop_front();
    recent_ -= std::min<size_t>(recent_, 1);
    enough_ -= std::min<size_t>(enough_, 1);
    calm_ -= std::min<size_t>(calm_, 1);
  }
  while (recent_ + 1 < pieces_.size() && now - pieces_[recent_].at >= kWindow) ++recent_;
  while (enough_ < recent_ && since(enough_ + 1).completions >= kEnoughSamples) ++enough_;
  calm_ = nobody_waited ? std::max(calm_, recent_) : pieces_.size();
}

LoadWindow::Totals LoadWindow::since(size_t piece) const {
  const Totals& before = pieces_[piece].before;
  return {totals_.seconds - before.seconds, totals_.dispatched - before.dispatched,
          totals_.completions - before.completions,
          totals_.holding_seconds - before.holding_seconds,
          totals_.in_flight_seconds - before.in_flight_seconds};
}

// The mean holding time of completed requests; in-flight time per dispatched request lifts it while
// nobody waits, since long requests end late. Few dispatches beside long-lived connections would
// make that quotient meaningless, so it needs as many of them as the mean needs completions.
void LoadWindow::update_service_time(bool queue_is_empty, double seconds) {
  const Totals window = since(recent_);
  const Totals ended = since(enough_);
  const Totals calm = calm_ < pieces_.size() ? since(calm_) : Totals{};
  mean_in_flight_ = window.seconds > 0 ? window.in_flight_seconds / window.seconds : 0;
  if (calm.seconds > 0) calm_in_flight_ = calm.in_flight_seconds / calm.seconds;
  completion_rate_ = window.seconds > 0 ? window.completions / window.seconds : 0;
  mean_holding_ = window.completions > 0 ? window.holding_seconds / window.completions : 0;

  std::optional<double> candidate;
  if (ended.completions >= kEnoughSamples) candidate = ended.holding_seconds / ended.completions;
  if (queue_is_empty && window.dispatched >= kEnoughSamples) {
    candidate = std::max(candidate.value_or(0), window.in_flight_seconds / window.dispatched);
  }
  if (!candidate) return;
  // A backend that stalls must not buy machines: while requests wait the estimate rises slowly.
  if (measured_ && !queue_is_empty) {
    const double most = service_time_ * std::pow(kRisePerWindow, seconds / to_seconds(kWindow));
    candidate = std::min(*candidate, most);
  }
  service_time_ = std::max(*candidate, kLeastServiceTime);
  measured_ = true;
}

}  // namespace flaskscale::scaler
