// What clients will ask for one boot from now, and how much to add because forecasts err.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "scaler/calibration.h"
#include "scaler/rate_pattern.h"
#include "scaler/rate_trend.h"

namespace flaskscale::scaler {

// Ways to look ahead: the load stays as it is; it goes on rising as in the last boot time, or as in
// the last half minute; it goes as at this time of earlier hours, days, weeks.
enum class Forecaster : uint8_t { present, trend, surge, hour, day, week };
inline constexpr size_t kForecasters = 6;
std::string_view to_string(Forecaster forecaster);

// The demand expected one boot from now, in arrivals per second, and the factor that its error asks
// for.
struct Forecast {
  double rate = 0;        // F, >= the arrival rate
  double headroom = 1.0;  // G
  Forecaster by = Forecaster::present;
  bool surprised = false;  // the load is beyond what was forecast for now
};

struct ForecastInputs {
  double arrival_rate = 0;  // lambda
  double fast_rate = 0;     // lf
  double boot_seconds = 75;
  double availability = 0.95;      // the share of cases that the headroom covers
  double initial_headroom = 1.25;  // until enough forecasts were judged
  // What was counted since the last call. 0 seconds: nothing is known.
  double arrivals = 0;
  double seconds = 0;
  WallTime wall{};  // the epoch: unknown, so no hours, days and weeks
};

// All forecasters work all the time. Each is judged by what the load reached in the boot time after
// it spoke; the headroom of each covers the same share of its errors, so that the cheapest
// of them is the best for this pool, and a bad one is priced out. But while the load is far beyond
// what was forecast for now, the one in use has failed, and the highest forecast counts.
class Forecasts {
 public:
  Forecast update(const ForecastInputs& inputs, Time now);
  // Front doors were not heard, or time jumped: what is under way can't be judged.
  void interrupt();

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("trend", trend_);
    visitor.field("pattern", pattern_);
    visitor.field("calibrations", calibrations_);
    visitor.field("pending", pending_);
    visitor.field("factors", factors_);
    visitor.field("slopes", slopes_);
    visitor.field("chosen", chosen_);
    visitor.field("headroom", headroom_);
    visitor.field("noted_at", noted_at_);
    visitor.field("chosen_at", chosen_at_);
  }
  bool settle();

 private:
  struct Pending {  // forecasts that wait for their judgement
    Time due{};
    double arrival_rate = 0;
    double highest = 0;                        // fast rate since
    std::array<double, kForecasters> rates{};  // 0: was silent
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("due", due);
      visitor.field("rate", arrival_rate);
      visitor.field("highest", highest);
      visitor.field("rates", rates);
    }
    bool settle() const { return true; }
  };
  double rate_by(size_t forecaster, const ForecastInputs& inputs) const;
  void ask_forecasters(const ForecastInputs& inputs);
  void note(const ForecastInputs& inputs, Time now);
  void judge(double fast_rate, Time now);
  void choose(const ForecastInputs& inputs);
  bool is_surprised(const ForecastInputs& inputs, double headroom) const;

  RateTrend trend_;
  RatePattern pattern_;
  std::array<Calibration, kForecasters> calibrations_;
  std::deque<Pending> pending_;
  // What each adds to the present rate: a factor (0: it is silent) and a slope.
  std::array<double, kForecasters> factors_{1};
  std::array<double, kForecasters> slopes_{};
  size_t chosen_ = 0;
  std::optional<double> headroom_;  // none: too few forecasts were judged
  std::optional<Time> noted_at_;
  std::optional<Time> chosen_at_;
};

}  // namespace flaskscale::scaler
