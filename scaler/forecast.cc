#include "scaler/forecast.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr Duration kNoteEvery = std::chrono::seconds(5);
constexpr Duration kChooseEvery = std::chrono::seconds(60);
constexpr size_t kMostPending = 128;
constexpr size_t kEnoughJudged = 90;  // judged forecasts
constexpr double kMostGrowth = 3;     // of any forecast over the present rate
constexpr double kLeastHeadroom = 1.05;
constexpr double kMostHeadroom = 2;
constexpr double kHysteresis = 0.99;  // another forecaster must be cheaper by this
constexpr double kLeastTrendSeconds = 60;
constexpr double kSurgeSeconds = 30;
// How far the fast average must be beyond a forecast to be no chance, in its standard deviations,
// and how many seconds of arrivals it rests on (twice its time constant).
constexpr double kSurpriseDeviations = 3;
constexpr double kAveragedSeconds = 10;
constexpr double kPatternMargin = 10;  // seconds beyond the boot time

struct Period {
  Forecaster forecaster;
  std::chrono::minutes length;
  size_t fewest;
  size_t most;
};
constexpr Period kPeriods[] = {{Forecaster::hour, std::chrono::hours(1), 3, 24},
                               {Forecaster::day, std::chrono::hours(24), 2, 7},
                               {Forecaster::week, std::chrono::hours(168), 1, 2}};

}  // namespace

std::string_view to_string(Forecaster forecaster) {
  switch (forecaster) {
    case Forecaster::present:
      return "present";
    case Forecaster::trend:
      return "trend";
    case Forecaster::surge:
      return "surge";
    case Forecaster::hour:
      return "hour";
    case Forecaster::day:
      return "day";
    case Forecaster::week:
      return "week";
  }
  return "unknown";
}

double Forecasts::rate_by(size_t forecaster, const ForecastInputs& inputs) const {
  const double rate = inputs.arrival_rate;
  const double expected =
      rate * std::max(factors_[forecaster], 1.0) + slopes_[forecaster] * inputs.boot_seconds;
  return std::min(expected, kMostGrowth * rate);
}

void Forecasts::ask_forecasters(const ForecastInputs& inputs) {
  constexpr auto kTrend = static_cast<size_t>(Forecaster::trend);
  constexpr auto kSurge = static_cast<size_t>(Forecaster::surge);
  slopes_[kTrend] = trend_.sure_slope(std::max(kLeastTrendSeconds, inputs.boot_seconds));
  slopes_[kSurge] = trend_.sure_slope(kSurgeSeconds);
  factors_[kTrend] = factors_[kSurge] = 1;
  for (const Period& period : kPeriods) {
    std::optional<double> growth;
    if (inputs.wall != WallTime{}) {
      growth = pattern_.growth(period.length, period.fewest, period.most,
                               inputs.boot_seconds + kPatternMargin, inputs.wall);
    }
    factors_[static_cast<size_t>(period.forecaster)] = growth.value_or(0);
  }
}

void Forecasts::judge(double fast_rate, Time now) {
  for (Pending& pending : pending_) pending.highest = std::max(pending.highest, fast_rate);
  std::erase_if(pending_, [&](const Pending& pending) {
    if (pending.due > now) return false;
    for (size_t i = 0; i < kForecasters; ++i) {
      if (!(pending.rates[i] > 0)) continue;
      calibrations_[i].add(pending.highest / pending.rates[i],
                           pending.rates[i] / pending.arrival_rate);
    }
    return true;
  });
}

void Forecasts::choose(const ForecastInputs& inputs) {
  const auto cost_of = [&](size_t i) -> std::optional<double> {
    if (calibrations_[i].known() < kEnoughJudged || factors_[i] == 0) return std::nullopt;
    const double headroom =
        std::clamp(calibrations_[i].headroom(inputs.availability), kLeastHeadroom, kMostHeadroom);
    return headroom * calibrations_[i].mean_relative();
  };
  std::optional<double> least = cost_of(chosen_);
  if (least) *least *= kHysteresis;
  for (size_t i = 0; i < kForecasters; ++i) {
    const std::optional<double> cost = cost_of(i);
    if (cost && i != chosen_ && (!least || *cost < *least)) {
      least = cost;
      chosen_ = i;
    }
  }
  headroom_.reset();
  if (!least) {
    chosen_ = 0;
    return;
  }
  headroom_ = std::clamp(calibrations_[chosen_].headroom(inputs.availability), kLeastHeadroom,
                         kMostHeadroom);
}

// What each forecaster says now, to be judged when its time has come.
void Forecasts::note(const ForecastInputs& inputs, Time now) {
  noted_at_ = now;
  ask_forecasters(inputs);
  if (inputs.arrival_rate <= 0 || pending_.size() >= kMostPending) return;
  Pending pending{
      now + from_seconds(inputs.boot_seconds), inputs.arrival_rate, inputs.fast_rate, {}};
  for (size_t i = 0; i < kForecasters; ++i) {
    if (factors_[i] > 0) pending.rates[i] = rate_by(i, inputs);
  }
  pending_.push_back(pending);
}

Forecast Forecasts::update(const ForecastInputs& inputs, Time now) {
  if (inputs.seconds > 0) {
    trend_.add(inputs.arrivals, inputs.seconds, now);
    if (inputs.wall != WallTime{}) pattern_.add(inputs.arrivals, inputs.seconds, inputs.wall);
    judge(inputs.fast_rate, now);
    if (!noted_at_ || now - *noted_at_ >= kNoteEvery) note(inputs, now);
    if (!chosen_at_ || now - *chosen_at_ >= kChooseEvery) {
      chosen_at_ = now;
      choose(inputs);
    }
  }
  Forecast forecast{rate_by(chosen_, inputs), headroom_.value_or(inputs.initial_headroom),
                    static_cast<Forecaster>(chosen_), false};
  if (!is_surprised(inputs, forecast.headroom)) return forecast;
  forecast.surprised = true;
  for (size_t i = 0; i < kForecasters; ++i) {
    const double rate = factors_[i] > 0 ? rate_by(i, inputs) : 0;
    if (rate > forecast.rate) {
      forecast.rate = rate;
      forecast.by = static_cast<Forecaster>(i);
    }
  }
  return forecast;
}

bool Forecasts::is_surprised(const ForecastInputs& inputs, double headroom) const {
  return std::any_of(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    const double covered = headroom * std::max(pending.rates[chosen_], pending.arrival_rate);
    const double noise = std::sqrt(covered / kAveragedSeconds);
    return inputs.fast_rate > covered + kSurpriseDeviations * noise;
  });
}

void Forecasts::interrupt() {
  trend_.clear();
  pattern_.forget_this_minute();
  pending_.clear();
  slopes_.fill(0);
  noted_at_.reset();
  chosen_at_.reset();
}

bool Forecasts::settle() {
  if (chosen_ >= kForecasters || pending_.size() > kMostPending) return false;
  for (size_t i = 0; i < kForecasters; ++i) {
    if (factors_[i] < 0 || slopes_[i] < 0) return false;
  }
  for (const Pending& pending : pending_) {
    if (!(pending.arrival_rate > 0)) return false;
  }
  return !headroom_ || (*headroom_ >= kLeastHeadroom && *headroom_ <= kMostHeadroom);
}

}  // namespace flaskscale::scaler
