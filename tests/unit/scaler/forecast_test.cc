// Trends, patterns, their calibration, and the memory of needs.
#include "scaler/forecast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/random.h"
#include "scaler/boot_book.h"
#include "scaler/need_memory.h"

namespace flaskscale::scaler {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr WallTime kWall{hours(400000)};

Time at(double seconds) { return Time(hours(1)) + from_seconds(seconds); }

WallTime wall_at(double seconds) {
  return kWall + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// Approximately Poisson, by the sum of twelve uniforms.
double noisy(double mean, Random& random) {
  double normal = -6;
  for (int k = 0; k < 12; ++k) normal += random.unit();
  return std::max(0.0, std::round(mean + normal * std::sqrt(mean)));
}

TEST(RateTrend, FindsARiseAndItsSlope) {
  Random random(1);
  RateTrend trend;
  for (int t = 1; t <= 100; ++t) trend.add(noisy(200 + 3 * t, random), 1, at(t));

  EXPECT_NEAR(trend.sure_slope(75), 3, 0.5);
  EXPECT_GT(trend.sure_slope(30), 1.5);
}

TEST(RateTrend, TakesNoiseForNoRise) {
  Random random(2);
  double sum = 0;
  for (int run = 0; run < 100; ++run) {
    RateTrend trend;
    for (int t = 1; t <= 100; ++t) trend.add(noisy(200, random), 1, at(t));
    sum += trend.sure_slope(75);
  }
  EXPECT_LT(sum / 100, 0.05);
}

TEST(RateTrend, SaysNothingOfAFallOrOfTooLittle) {
  RateTrend trend;
  for (int t = 1; t <= 20; ++t) trend.add(100, 1, at(t));
  EXPECT_EQ(trend.sure_slope(75), 0);
  for (int t = 21; t <= 100; ++t) trend.add(200.0 - t, 1, at(t));
  EXPECT_EQ(trend.sure_slope(75), 0);
}

// Each minute's rate by `rate_of(minute)`, ten seconds at a time.
template <typename RateOf>
void fill(RatePattern& pattern, int until_minute, RateOf rate_of, int from_minute = 0) {
  for (int t = from_minute * 60; t < until_minute * 60; t += 10) {
    pattern.add(rate_of(t / 60) * 10, 10, wall_at(t));
  }
}

TEST(RatePattern, FindsWhatComesEveryHour) {
  RatePattern pattern;
  fill(pattern, 5 * 60 - 1, [](int minute) { return minute % 60 == 0 ? 30.0 : 10.0; });

  const WallTime before = wall_at(5 * 3600.0 - 50);
  EXPECT_NEAR(pattern.growth(minutes(60), 3, 24, 85, before).value(), 3, 0.01);
  EXPECT_NEAR(pattern.growth(minutes(60), 3, 24, 85, before - minutes(5)).value(), 1, 0.01);
}

TEST(RatePattern, NeedsEnoughPeriods) {
  RatePattern pattern;
  fill(pattern, 2 * 60, [](int) { return 10.0; });
  EXPECT_FALSE(pattern.growth(minutes(60), 3, 24, 85, wall_at(2 * 3600.0)));
  EXPECT_FALSE(pattern.growth(hours(24), 2, 7, 85, wall_at(2 * 3600.0)));
  EXPECT_FALSE(RatePattern().growth(minutes(60), 1, 24, 85, kWall));
}

TEST(RatePattern, IsBoundedAndOutlivesGapsAndBadClocks) {
  RatePattern pattern;
  fill(pattern, 60, [](int) { return 10.0; });
  fill(
      pattern, 16 * 1440, [](int) { return 20.0; }, 8 * 1440);  // a week unheard
  EXPECT_TRUE(pattern.settle());
  EXPECT_TRUE(pattern.growth(hours(24), 2, 7, 85, wall_at(16 * 86400.0)));

  pattern.add(10, 10, wall_at(0));  // the clock was set back: begin anew
  EXPECT_FALSE(pattern.growth(hours(24), 2, 7, 85, wall_at(60)));
  pattern.add(10, 10, WallTime::max());
  pattern.add(10, 10, wall_at(0));
  EXPECT_TRUE(pattern.settle());
}

TEST(Calibration, CoversTheShareThatIsAskedFor) {
  Calibration calibration;
  for (int i = 0; i < 100; ++i) calibration.add(1 + i / 100.0, 1.5);
  EXPECT_NEAR(calibration.headroom(0.90), 1.89, 0.003);
  EXPECT_NEAR(calibration.headroom(0.95), 1.94, 0.003);
  EXPECT_NEAR(calibration.mean_relative(), 1.5, 1e-9);
  calibration.add(std::nan(""), 1);
  calibration.add(1, -1);
  EXPECT_EQ(calibration.known(), 100U);
  for (int i = 0; i < 5000; ++i) calibration.add(100, 1);
  EXPECT_EQ(calibration.known(), 2160U);
  EXPECT_GT(calibration.headroom(0.5), 2);
}

// Drives all forecasters with a rate per second; returns the last forecast.
template <typename RateOf>
Forecast forecast_after(double seconds, RateOf rate_of, std::map<Forecaster, int>* chosen = nullptr,
                        double pace = 1, double availability = 0.95) {
  Random random(5);
  Forecasts forecasts;
  Forecast forecast;
  double fast = rate_of(0.0);
  double slow = fast;
  for (double t = pace; t <= seconds; t += pace) {
    ForecastInputs inputs;
    inputs.arrivals = noisy(rate_of(t) * pace, random);
    inputs.seconds = pace;
    fast += (1 - std::exp(-pace / 5)) * (inputs.arrivals / pace - fast);
    slow += (1 - std::exp(-pace / 30)) * (inputs.arrivals / pace - slow);
    inputs.fast_rate = fast;
    inputs.arrival_rate = std::max(fast, slow);
    inputs.wall = wall_at(t);
    inputs.availability = availability;
    forecast = forecasts.update(inputs, at(t));
    EXPECT_GE(forecast.rate, inputs.arrival_rate * (1 - 1e-12));
    EXPECT_LE(forecast.rate, 3 * inputs.arrival_rate * (1 + 1e-12));
    if (chosen != nullptr && t > seconds / 2) ++(*chosen)[forecast.by];
  }
  return forecast;
}

TEST(Forecasts, StayWithTheInitialHeadroomUntilEnoughIsJudged) {
  EXPECT_EQ(forecast_after(300, [](double) { return 500.0; }).headroom, 1.25);
  const Forecast later = forecast_after(3600, [](double) { return 500.0; });
  EXPECT_EQ(later.by, Forecaster::present);
  EXPECT_LT(later.headroom, 1.12);
}

TEST(Forecasts, PreferATrendWhereLoadRampsAllTheTime) {
  std::map<Forecaster, int> chosen;
  forecast_after(
      4 * 3600,
      [](double t) {
        const double phase = std::fmod(t, 1200);
        return 200 + 3 * (phase < 600 ? phase : 1200 - phase);
      },
      &chosen);
  EXPECT_GT(chosen[Forecaster::trend] + chosen[Forecaster::surge], 3 * chosen[Forecaster::present]);
}

// A jump each hour is within one boot time for 2 % of it: nothing that 0.95 asks to be covered.
TEST(Forecasts, PreferTheHourWhereLoadJumpsEveryHour) {
  std::map<Forecaster, int> chosen;
  forecast_after(
      12 * 3600, [](double t) { return std::fmod(t, 3600) < 600 ? 600.0 : 200.0; }, &chosen, 2,
      0.99);
  EXPECT_GT(chosen[Forecaster::hour], 2 * chosen[Forecaster::present]);
}

TEST(Forecasts, PriceOutAPatternThatIsNone) {
  Random random(9);
  std::map<Forecaster, int> chosen;
  double level = 200;
  forecast_after(
      8 * 3600,
      [&](double) {
        if (random.below(600) == 0) level = 100 + 300 * random.unit();
        return level;
      },
      &chosen, 2);
  EXPECT_LT(chosen[Forecaster::hour] + chosen[Forecaster::day], chosen[Forecaster::present]);
}

TEST(Forecasts, CountOnTheHighestWhenSurprised) {
  const Forecast calm = forecast_after(1800, [](double) { return 200.0; });
  EXPECT_FALSE(calm.surprised);
  const Forecast rising =
      forecast_after(1840, [](double t) { return 200 + 3 * std::max(0.0, t - 1800); });
  EXPECT_TRUE(rising.surprised);
  EXPECT_GT(rising.rate, 400);
}

TEST(BootBook, JudgesAKindByItsOwnAndAnUnknownOneByThePool) {
  BootBook book;
  for (int i = 0; i < 12; ++i) book.add({20, "v1@a"});
  for (int i = 0; i < 12; ++i) book.add({60, "v2@a"});
  EXPECT_EQ(book.q90("v1@a", 75), 20);
  EXPECT_EQ(book.q90("v2@a", 75), 60);
  EXPECT_EQ(book.q90("v3@a", 75), book.q90(75));
  EXPECT_EQ(book.q90(75), 60);
  for (int i = 0; i < 100; ++i) book.add({1, std::to_string(i)});
  EXPECT_TRUE(book.settle());
}

TEST(NeedMemory, KeepsForHalfTheTimeThatASizeWasNeeded) {
  const NeedMemory::Rule rule{0.5, 10, 300};
  NeedMemory memory;
  memory.note(10, 1, rule, at(0));
  memory.note(2, 1, rule, at(100));
  EXPECT_EQ(memory.kept(rule, at(149)), 10U);
  EXPECT_EQ(memory.kept(rule, at(151)), 2U);
}

TEST(NeedMemory, AddsUpWhatComesAgainAndForgetsAfterTheWindow) {
  const NeedMemory::Rule rule{0.5, 10, 300};
  NeedMemory memory;
  for (int i = 0; i < 10; ++i) {
    memory.note(10, 1, rule, at(i * 200));
    memory.note(2, 1, rule, at(i * 200 + 50));
  }
  EXPECT_EQ(memory.kept(rule, at(1850 + 240)), 10U);
  memory.note(2, 1, rule, at(2400));
  memory.note(10, 1, rule, at(2500));
  memory.note(2, 1, rule, at(2504));
  EXPECT_EQ(memory.kept(rule, at(2513)), 10U);
  EXPECT_EQ(memory.kept(rule, at(2515)), 2U);
}

// Against the definition, size by size.
TEST(NeedMemory, AgreesWithItsDefinition) {
  Random random(3);
  const NeedMemory::Rule rule{0.5, 10, 100};
  NeedMemory memory;
  constexpr uint32_t kSizes = 12;
  struct {
    double seconds = 0, last = -1e9;
  } sizes[kSizes + 1];
  uint32_t needed = 0;
  double now = 0;
  for (int i = 0; i < 20000; ++i) {
    const double step = 1 + random.below(random.below(50) == 0 ? 200 : 10);
    for (uint32_t k = 1; k <= needed; ++k) sizes[k].seconds += step;
    now += step;
    for (uint32_t k = 1; k <= needed; ++k) sizes[k].last = now;
    needed = random.below(kSizes + 1) * (random.below(2));
    for (uint32_t k = 1; k <= needed; ++k) {
      if (now - sizes[k].last > rule.most) sizes[k].seconds = 0;
      sizes[k].last = now;
    }
    memory.note(needed, 1, rule, at(now));
    const double later = now + random.below(60);
    uint32_t kept = needed;
    for (uint32_t k = needed + 1; k <= kSizes; ++k) {
      const double keep = std::clamp(0.5 * sizes[k].seconds, rule.least, rule.most);
      if (later - sizes[k].last <= keep) kept = k;
    }
    ASSERT_EQ(memory.kept(rule, at(later)), kept) << i;
  }
}

TEST(NeedMemory, ConvertsWhenAnInstanceBecomesLarger) {
  const NeedMemory::Rule rule{0.5, 10, 300};
  NeedMemory memory;
  memory.note(10, 4, rule, at(0));
  memory.note(2, 4, rule, at(100));
  memory.note(1, 8, rule, at(101));
  EXPECT_EQ(memory.kept(rule, at(140)), 5U);
  memory.note(1000000000, 8, rule, at(150));
  EXPECT_GE(memory.kept(rule, at(151)), 1000000000U);
  EXPECT_TRUE(memory.settle());
}

}  // namespace
}  // namespace flaskscale::scaler
