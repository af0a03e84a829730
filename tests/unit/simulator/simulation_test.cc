// Whole runs: the real queue and the real scaler against the simulated plant.
#include "simulator/simulation.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "simulator/fixed_law.h"
#include "simulator/flaskscale_driver.h"
#include "simulator/knative_law.h"
#include "simulator/reference_driver.h"
#include "simulator/report.h"

namespace flaskscale::simulator {
namespace {

Workload workload_of(std::vector<LoadCurve::Point> points) {
  Workload workload;
  workload.rate = LoadCurve(std::move(points));
  workload.seconds = workload.rate.end();
  return workload;
}

SimulationSettings plant(uint32_t begin_with) {
  spdlog::set_level(spdlog::level::off);
  SimulationSettings settings;
  settings.pool.slots = 10;
  settings.pool.queue_limit = 100000;
  settings.pool.queue_bytes = ~0ULL;
  settings.begin_with = begin_with;
  settings.hold = HoldRule::when_empty;
  return settings;
}

DriverFactory fixed(uint32_t size) {
  return [size](DriverParts parts) {
    ReferenceSettings settings;
    settings.min = settings.max = size;
    return std::make_unique<ReferenceDriver>(std::make_unique<FixedLaw>(size), settings, parts);
  };
}

DriverFactory knative() {
  return [](DriverParts parts) {
    return std::make_unique<ReferenceDriver>(std::make_unique<KnativeLaw>(KnativeLaw::Settings{}),
                                             ReferenceSettings{}, parts);
  };
}

scaler::Policy policy() {
  scaler::Policy policy;
  policy.max = 40;
  policy.slots = 10;
  policy.queue_limit = 100000;
  return policy;
}

Workload wave() {
  return workload_of(
      {{0, 100}, {300, 100}, {600, 500}, {1200, 500}, {1260, 900}, {1500, 100}, {1800, 100}});
}

void expect_equal(const SimulationResult& a, const SimulationResult& b) {
  EXPECT_EQ(a.tally.requests, b.tally.requests);
  EXPECT_EQ(a.tally.late, b.tally.late);
  EXPECT_EQ(a.tally.dropped, b.tally.dropped);
  EXPECT_EQ(a.tally.waits.quantile(0.99), b.tally.waits.quantile(0.99));
  EXPECT_EQ(a.instance_seconds, b.instance_seconds);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.started, b.started);
}

TEST(Simulation, IsDecidedByItsSeed) {
  const Workload load = wave();
  SimulationSettings settings = plant(3);
  const SimulationResult first = simulate(settings, load, flaskscale_driver(policy()));
  expect_equal(first, simulate(settings, load, flaskscale_driver(policy())));
  settings.seed = 2;
  EXPECT_NE(first.tally.requests,
            simulate(settings, load, flaskscale_driver(policy())).tally.requests);
}

TEST(Simulation, ServesAnAmpleFixedFleetWithoutWaiting) {
  const Workload load = workload_of({{0, 200}, {600, 200}});
  const SimulationResult result = simulate(plant(8), load, fixed(8));
  EXPECT_NEAR(result.tally.requests, 120000, 2000);
  EXPECT_EQ(result.tally.late, 0);
  EXPECT_DOUBLE_EQ(result.instance_seconds, 8 * 600);
  EXPECT_EQ(result.actions, 0U);
  EXPECT_EQ(result.peak, 8U);
  EXPECT_EQ(result.calm_seconds, 600U);
}

// Both ways of taking a second must tell the same story.
TEST(Simulation, AgreesInBulkAndOneByOne) {
  const Workload load = wave();
  double bulk[4] = {};
  double exact[4] = {};
  constexpr int kSeeds = 4;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    SimulationSettings settings = plant(3);
    settings.seed = static_cast<uint64_t>(seed);
    for (const Detail detail : {Detail::automatic, Detail::exact}) {
      settings.detail = detail;
      const SimulationResult result = simulate(settings, load, flaskscale_driver(policy()));
      EXPECT_EQ(result.calm_seconds > 0, detail == Detail::automatic);
      double* sums = detail == Detail::automatic ? bulk : exact;
      sums[0] += result.tally.requests / kSeeds;
      sums[1] += 100 * result.tally.late / result.tally.requests / kSeeds;
      sums[2] += result.instance_seconds / 3600 / kSeeds;
      sums[3] += static_cast<double>(result.started) / kSeeds;
    }
  }
  EXPECT_NEAR(bulk[0], exact[0], 0.005 * exact[0]);
  EXPECT_NEAR(bulk[1], exact[1], 0.35 * exact[1] + 0.02);
  EXPECT_NEAR(bulk[2], exact[2], 0.04 * exact[2]);
  EXPECT_NEAR(bulk[3], exact[3], 0.12 * exact[3] + 1);
}

TEST(Simulation, AgreesOnWaitsNearSaturation) {
  // 100 slots, 82 busy: 1.99 roots of room.
  const Workload load = workload_of({{0, 410}, {3000, 410}});
  SimulationSettings settings = plant(10);
  const SimulationResult bulk = simulate(settings, load, fixed(10));
  settings.detail = Detail::exact;
  const SimulationResult exact = simulate(settings, load, fixed(10));
  EXPECT_GT(bulk.calm_seconds, 2000U);
  EXPECT_NEAR(bulk.tally.waits.quantile(0.99), exact.tally.waits.quantile(0.99), 0.005);
  EXPECT_NEAR(bulk.tally.waits.quantile(0.999), exact.tally.waits.quantile(0.999), 0.02);
  EXPECT_EQ(exact.tally.late, 0);
}

TEST(Simulation, KeepsTheInvariantsThroughAnOverload) {
  const Workload load =
      workload_of({{0, 100}, {300, 100}, {300, 800}, {900, 800}, {900, 100}, {1500, 100}});
  for (const auto order : {balancer::QueueOrder::fifo, balancer::QueueOrder::adaptive}) {
    SimulationSettings settings = plant(3);
    settings.pool.queue_order = order;
    const SimulationResult result = simulate(settings, load, flaskscale_driver(policy()));
    EXPECT_GT(result.tally.late, 0);
    EXPECT_GE(result.tally.late, result.tally.dropped);
    EXPECT_LE(result.peak, 40U);
    EXPECT_EQ(result.killed, 0U);
    EXPECT_EQ(result.idle_slot_while_queued, 0);
    EXPECT_NEAR(result.tally.requests, load.rate.requests(), 0.02 * load.rate.requests());
  }
}

TEST(Simulation, HoldsTheFirstRequestsOfAnEmptyPool) {
  scaler::Policy from_zero = policy();
  from_zero.min = 0;
  const Workload load = workload_of({{0, 0}, {60, 0}, {60, 20}, {600, 20}});
  const SimulationResult result = simulate(plant(0), load, flaskscale_driver(from_zero));
  EXPECT_GE(result.started, 1U);
  EXPECT_EQ(result.tally.dropped, 0);
  EXPECT_GT(result.tally.longest_wait, 20);
}

TEST(Simulation, ReplacesWhatIsLostAndCountsWhatWasInFlight) {
  const Workload load = workload_of({{0, 300}, {900, 300}});
  SimulationSettings settings = plant(9);
  settings.crashes = {{300, 1.0 / 3}};
  const SimulationResult result = simulate(settings, load, flaskscale_driver(policy()));
  EXPECT_GT(result.tally.lost_with_instance, 0);
  EXPECT_LT(result.tally.lost_with_instance, 90);
  EXPECT_GE(result.started, 1U);
  EXPECT_EQ(result.killed, 0U);
}

TEST(Simulation, ComesThroughStockOutFailedBootsAndSlowDeletes) {
  SimulationSettings settings = plant(3);
  settings.cloud.stockouts = {{500, 800}};
  settings.cloud.boot_failures = 0.3;
  settings.cloud.delete_time = std::chrono::seconds(45);
  const SimulationResult result = simulate(settings, wave(), flaskscale_driver(policy()));
  EXPECT_GT(result.refused, 0U);
  EXPECT_GT(result.started, 0U);
  EXPECT_EQ(result.killed, 0U);
}

TEST(Simulation, DoesNotShrinkWhileNothingIsKnown) {
  const Workload load = workload_of({{0, 300}, {900, 300}});
  SimulationSettings settings = plant(10);
  settings.blind = {{0, 900}};
  settings.timeline_points = 100;
  const SimulationResult result = simulate(settings, load, flaskscale_driver(policy()));
  EXPECT_EQ(result.timeline.points().back().mean.ready, 10);
}

TEST(Simulation, ReplaysRecordedRequestsWithTheirOwnTimes) {
  Workload load = workload_of({{0, 10}, {10, 10}});
  for (int i = 0; i < 100; ++i) load.requests.push_back({i * 0.1, 0.05});
  load.requests.push_back({9.95, 0.05});
  const SimulationResult result = simulate(plant(1), load, fixed(1));
  EXPECT_EQ(result.tally.requests, 101);
  EXPECT_EQ(result.tally.late, 0);
  EXPECT_EQ(result.calm_seconds, 0U);
}

TEST(Simulation, DrivesAnotherAutoscalersLaw) {
  const SimulationResult result = simulate(plant(3), wave(), knative());
  EXPECT_GT(result.started, 5U);
  EXPECT_EQ(result.killed, 0U);
  EXPECT_GT(result.reversals, 0U);
}

Report report_of(double seconds, size_t points) {
  Report report;
  report.pool = "shop";
  report.trace = "traces/<load>.csv";
  SimulationSettings settings = plant(3);
  settings.timeline_points = points;
  report.result = simulate(settings, workload_of({{0, 100}, {seconds, 200}}), fixed(3));
  report.slots = 10;
  report.max = 40;
  report.price = 0.05;
  report.fixed_size = 5;
  report.fixed_hours = 5 * seconds / 3600;
  report.clairvoyant_hours = 4 * seconds / 3600;
  return report;
}

TEST(Report, PrintsOneJsonObjectWithAllFigures) {
  const auto json = nlohmann::json::parse(to_json(report_of(600, 0)));
  for (const char* key : {"late_share", "dropped_share", "wait_p50_s", "wait_p99_s",
                          "instance_hours", "fixed_instance_hours", "clairvoyant_instance_hours",
                          "cost", "actions", "reversals", "peak_instances"}) {
    EXPECT_TRUE(json.at(key).is_number()) << key;
  }
  EXPECT_DOUBLE_EQ(json["cost"], 0.5 * 0.05);
}

TEST(Report, DrawsAPageThatNeedsNothingElse) {
  for (const double seconds : {60.0, 5000.0}) {
    const std::string page = to_html(report_of(seconds, 200));
    EXPECT_TRUE(page.starts_with("<!doctype html>"));
    EXPECT_EQ(page.find("http"), std::string::npos);
    EXPECT_EQ(page.find("<load>"), std::string::npos);
    EXPECT_NE(page.find("\\u003cload>.csv"), std::string::npos);
    const size_t begin = page.find("const data = ") + 13;
    const auto data = nlohmann::json::parse(page.substr(begin, page.find(";\n</script>") - begin));
    EXPECT_LE(data["points"]["at"].size(), 200U);
    EXPECT_GE(data["points"]["at"].size(), 60U);
    EXPECT_EQ(data["points"]["at"].size(), data["points"]["wait"].size());
  }
}

TEST(Report, SummarisesForATerminal) {
  const std::string text = to_text(report_of(600, 0));
  EXPECT_NE(text.find("late"), std::string::npos);
  EXPECT_NE(text.find("fixed fleet"), std::string::npos);
  EXPECT_NE(text.find("optimum"), std::string::npos);
}

TEST(Format, IsShort) {
  EXPECT_EQ(format_wait(0.34), "340 ms");
  EXPECT_EQ(format_wait(1.24), "1.2 s");
  EXPECT_EQ(format_span(14 * 86400), "14 days");
  EXPECT_EQ(format_span(90), "90 s");
  EXPECT_EQ(format_count(123), "123");
  EXPECT_EQ(format_count(34567), "34.6 k");
  EXPECT_EQ(format_count(445e6), "445 M");
}

}  // namespace
}  // namespace flaskscale::simulator
