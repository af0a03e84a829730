// The parts of the simulated plant, each by itself.
#include <gtest/gtest.h>

#include <cmath>

#include "simulator/calm_flow.h"
#include "simulator/load_curve.h"
#include "simulator/sampling.h"
#include "simulator/simulated_provider.h"
#include "simulator/wait_histogram.h"

namespace flaskscale::simulator {
namespace {

TEST(Sampling, HasTheMomentsOfItsDistributions) {
  Random random(7);
  constexpr int kDraws = 20000;
  for (const double mean : {0.5, 5.0, 39.0, 400.0}) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const auto value = static_cast<double>(poisson(random, mean));
      sum += value;
      squares += value * value;
    }
    const double average = sum / kDraws;
    EXPECT_NEAR(average, mean, 5 * std::sqrt(mean / kDraws));
    EXPECT_NEAR(squares / kDraws - average * average, mean, 0.06 * mean + 0.05);
  }
  for (const double p : {0.01, 0.3, 0.9}) {
    for (const uint64_t n : {5U, 100U, 5000U}) {
      double sum = 0;
      for (int i = 0; i < kDraws; ++i) {
        const uint64_t value = binomial(random, n, p);
        ASSERT_LE(value, n);
        sum += static_cast<double>(value);
      }
      const double mean = static_cast<double>(n) * p;
      EXPECT_NEAR(sum / kDraws, mean, 5 * std::sqrt(mean / kDraws) + 0.01);
    }
  }
  EXPECT_EQ(poisson(random, 0), 0U);
  EXPECT_EQ(binomial(random, 9, 0), 0U);
  EXPECT_EQ(binomial(random, 9, 1), 9U);
}

TEST(LoadCurve, GivesMeanAndPeakOfAnySpan) {
  const LoadCurve curve({{0, 0}, {10, 100}, {10, 20}, {20, 20}});
  LoadCurveReader reader(curve);
  EXPECT_DOUBLE_EQ(reader.span(0, 1).mean, 5);
  EXPECT_DOUBLE_EQ(reader.span(0, 1).peak, 10);
  EXPECT_DOUBLE_EQ(reader.span(9.5, 10.5).mean, (97.5 * 0.5 + 20 * 0.5));
  EXPECT_DOUBLE_EQ(reader.span(9.5, 10.5).peak, 100);
  EXPECT_DOUBLE_EQ(reader.span(10, 12).peak, 20);
  EXPECT_DOUBLE_EQ(reader.span(100, 101).mean, 20);
  EXPECT_DOUBLE_EQ(curve.requests(), 500 + 200);
  EXPECT_DOUBLE_EQ(LoadCurveReader(LoadCurve()).span(0, 1).mean, 0);
}

TEST(WaitHistogram, FindsQuantilesWithinItsSteps) {
  WaitHistogram waits;
  waits.add(0, 90);
  for (int i = 1; i <= 10; ++i) waits.add(i, 1);
  EXPECT_EQ(waits.quantile(0.5), 0);
  EXPECT_NEAR(waits.quantile(0.95), 5, 0.4);
  EXPECT_NEAR(waits.quantile(1), 10, 0.7);
  WaitHistogram exponential;
  exponential.add_exponential(1e6, 0.5, 2);
  EXPECT_NEAR(exponential.quantile(0.75), 2 * std::log(2), 0.05);
  EXPECT_NEAR(exponential.total(), 1e6, 1);
}

TEST(WaitOdds, AreThoseOfErlang) {
  // M/M/1 at half load: half of all wait, twice the service time.
  const WaitOdds one = wait_odds(1, 0.5, 0.2);
  EXPECT_NEAR(one.waits, 0.5, 1e-9);
  EXPECT_NEAR(one.mean_seconds, 0.4, 1e-9);
  // Square-root staffing with two: 2.7 % in the limit.
  EXPECT_NEAR(wait_odds(10200, 10000, 0.2).waits, 0.027, 0.003);
  EXPECT_EQ(wait_odds(10, 10, 0.2).waits, 1);
  EXPECT_TRUE(is_calm(100, 70, 0.2, 0.5));
  EXPECT_FALSE(is_calm(100, 95, 0.2, 0.5));
  EXPECT_FALSE(is_calm(100, 70, 0.2, 0.001));
  EXPECT_TRUE(is_calm(0, 0, 0.2, 0.5));
}

TEST(CalmFlow, KeepsItsCountersConsistent) {
  CalmFlow flow(ServiceTimes::Spread::exponential, 3);
  Tally tally;
  constexpr int kSeconds = 3000;
  for (int i = 0; i < kSeconds; ++i) flow.second(100, 0.4, 80, tally);
  const CalmFlow::Counters& counters = flow.counters();
  EXPECT_EQ(counters.arrivals, counters.completions + static_cast<double>(flow.in_flight()));
  EXPECT_NEAR(counters.arrivals, 100 * kSeconds, 5 * std::sqrt(100 * kSeconds));
  EXPECT_NEAR(counters.holding_seconds / counters.completions, 0.4, 0.005);
  EXPECT_NEAR(counters.in_flight_seconds / kSeconds, 40, 0.5);
  EXPECT_NEAR(tally.requests, counters.arrivals, 1e-6);
  EXPECT_EQ(tally.late, 0);
}

class Listener final : public MachineListener {
 public:
  void on_answering(const std::string& address) override { answering.push_back(address); }
  void on_crashed(const std::string& address) override { crashed.push_back(address); }
  std::vector<std::string> answering;
  std::vector<std::string> crashed;
};

class Cloud : public testing::Test {
 protected:
  SimulatedProvider& provider(const CloudSettings& settings) {
    provider_ = std::make_unique<SimulatedProvider>(settings, clock_, 5);
    return *provider_;
  }
  void pass(double seconds) {
    clock_.now += from_seconds(seconds);
    provider_->advance(listener_);
  }
  static CloudSettings boots_in(double seconds) {
    CloudSettings settings;
    settings.boot = BootTimeModel::fixed(seconds);
    return settings;
  }

  SimulatedClock clock_;
  Listener listener_;
  std::unique_ptr<SimulatedProvider> provider_;
};

TEST_F(Cloud, BootsInTheGivenTimeAndCostsFromTheCallOn) {
  SimulatedProvider& cloud = provider(boots_in(60));
  ASSERT_TRUE(cloud.create({{"a", "b"}, "", "1"}));
  ASSERT_TRUE(cloud.create({{"a", "b"}, "", "1"}));  // a repeated call makes nothing
  EXPECT_EQ(cloud.started(), 2U);
  EXPECT_EQ(cloud.booting(), 2U);
  EXPECT_EQ(cloud.next_event(), clock_.now + std::chrono::seconds(60));
  pass(59);
  EXPECT_TRUE(listener_.answering.empty());
  pass(1);
  EXPECT_EQ(listener_.answering.size(), 2U);
  EXPECT_EQ(cloud.booting(), 0U);
  EXPECT_TRUE(cloud.is_answering(cloud.list()->front().address));
  ASSERT_TRUE(cloud.remove({{"a", "unknown"}, "", "2"}));
  pass(40);
  EXPECT_DOUBLE_EQ(cloud.billed_seconds(), 60 + 100);
  EXPECT_EQ(cloud.list()->size(), 1U);
}

TEST_F(Cloud, HasNothingToGiveWithinAStockOut) {
  CloudSettings settings = boots_in(10);
  settings.stockouts = {{100, 200}};
  SimulatedProvider& cloud = provider(settings);
  EXPECT_TRUE(cloud.create({{"a"}, "", "1"}));
  pass(100);
  const auto refused = cloud.create({{"b", "c"}, "", "2"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(scaler::obstacle_of(refused.error()), scaler::Obstacle::capacity);
  EXPECT_EQ(cloud.refused(), 2U);
  pass(100);
  EXPECT_TRUE(cloud.create({{"b"}, "", "3"}));
}

TEST_F(Cloud, LetsBootsFailAndMachinesCrash) {
  CloudSettings settings = boots_in(10);
  settings.boot_failures = 1;
  SimulatedProvider& cloud = provider(settings);
  ASSERT_TRUE(cloud.create({{"a"}, "", "1"}));
  pass(10);
  EXPECT_TRUE(listener_.answering.empty());
  EXPECT_TRUE(cloud.list()->front().exited);
  cloud.begin_with(9, "pool-");
  cloud.crash(1.0 / 3, listener_);
  EXPECT_EQ(listener_.crashed.size(), 3U);
}

TEST_F(Cloud, BillsAMachineUntilItIsGone) {
  CloudSettings settings = boots_in(10);
  settings.delete_time = std::chrono::seconds(30);
  SimulatedProvider& cloud = provider(settings);
  ASSERT_TRUE(cloud.create({{"a"}, "", "1"}));
  pass(10);
  ASSERT_TRUE(cloud.remove({{"a"}, "", "2"}));
  pass(29);
  EXPECT_EQ(cloud.list()->size(), 1U);
  EXPECT_TRUE(cloud.list()->front().address.empty());
  pass(1);
  pass(100);
  EXPECT_EQ(cloud.billed(), 0U);
  EXPECT_DOUBLE_EQ(cloud.billed_seconds(), 40);
}

}  // namespace
}  // namespace flaskscale::simulator
