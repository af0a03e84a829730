#include "scaler/law.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "scaler/policy.h"

namespace flaskscale::scaler {
namespace {

constexpr Time kStart{std::chrono::hours(1)};

Time at(double seconds) { return kStart + from_seconds(seconds); }

// The published vectors.

struct FlowVector {
  double rate, service_time, slots_per_instance, headroom, slots;
  uint32_t instances;
};

TEST(LawVectors, GiveTheFlowNeed) {
  const FlowVector vectors[] = {{1000, 0.2, 10, 1.05, 228.28, 23},
                                {1000, 0.2, 10, 1.43, 286.00, 29},
                                {20, 0.2, 10, 1.05, 8.00, 1},
                                {2500, 0.2, 10, 1.07, 544.72, 55},
                                {5, 2.0, 1, 1.25, 16.32, 17}};

  for (const FlowVector& v : vectors) {
    const double slots = slots_for(v.rate * v.service_time, v.headroom, 2);
    EXPECT_NEAR(slots, v.slots, 0.005) << v.rate;
    EXPECT_EQ(whole_instances(slots / v.slots_per_instance), v.instances) << v.rate;
  }
}

struct BacklogVector {
  double ready, queued, backlog;
  uint32_t instances;
};

TEST(LawVectors, GiveTheBacklogNeed) {
  const BacklogVector vectors[] = {{6, 0, 30000, 80},
                                   {6, 800, 30000, 80},
                                   {6, 30000, 30000, 80},
                                   {30, 2000, 0, 0},
                                   {21, 5000, 1250, 23}};
  LawSettings settings;
  settings.slots_per_instance = 10;
  settings.queue_timeout = 30;
  settings.queue_capacity = 1e9;
  settings.drain_target = 10;  // which the vectors were published with

  for (const BacklogVector& v : vectors) {
    const Backlog backlog =
        project_backlog({v.queued, 1000, 1000, 0, 0.2, v.ready, {}, 75}, settings);
    EXPECT_DOUBLE_EQ(backlog.requests, v.backlog) << v.ready << " " << v.queued;
    EXPECT_EQ(backlog.need, v.instances) << v.ready << " " << v.queued;
  }
}

// The default drain target is 3 s: over five seeds of a fivefold step and of a tenfold spike it
// answers more requests in time than 10 s, for no more instance-hours, since what it asks for
// beyond the flow is let go of as soon as nobody waits.
TEST(LawVectors, AskForMoreAtTheDefaultDrainTarget) {
  const BacklogVector vectors[] = {
      {6, 0, 30000, 220}, {6, 30000, 30000, 220}, {30, 2000, 0, 0}, {21, 5000, 1250, 29}};
  LawSettings settings;
  settings.slots_per_instance = 10;
  settings.queue_capacity = 1e9;
  ASSERT_EQ(settings.drain_target, 3);

  for (const BacklogVector& v : vectors) {
    const Backlog backlog =
        project_backlog({v.queued, 1000, 1000, 0, 0.2, v.ready, {}, 75}, settings);
    EXPECT_DOUBLE_EQ(backlog.requests, v.backlog) << v.ready << " " << v.queued;
    EXPECT_EQ(backlog.need, v.instances) << v.ready << " " << v.queued;
  }
}

TEST(LawVectors, CountBootsThatComeInTime) {
  LawSettings settings;
  settings.slots_per_instance = 10;
  settings.queue_capacity = 1e9;
  settings.drain_target = 10;
  BacklogInputs inputs{0, 1000, 1000, 0, 0.2, 6, {}, 75};

  const std::vector<double> soon(30, 2);
  inputs.boots_ready_in = soon;
  EXPECT_EQ(project_backlog(inputs, settings).need, 0U);
  const std::vector<double> too_late(30, 75);
  inputs.boots_ready_in = too_late;
  EXPECT_EQ(project_backlog(inputs, settings).need, 80U);
}

TEST(Headroom, FollowsAvailability) {
  EXPECT_NEAR(initial_headroom(0.95), 1.25, 1e-9);
  EXPECT_NEAR(initial_headroom(0.90), 1.195, 0.001);
  EXPECT_NEAR(initial_headroom(0.99), 1.354, 0.001);
  EXPECT_GE(initial_headroom(0), 1.05);
  EXPECT_LE(initial_headroom(1), 2.0);
  EXPECT_NEAR(initial_headroom(std::nan("")), 1.25, 1e-9);
}

TEST(BootTimes, MixesThePriorInUntilTenAreKnown) {
  BootTimes boots;
  EXPECT_EQ(boots.q90(75), 75);
  for (int i = 0; i < 9; ++i) boots.add(20);
  EXPECT_EQ(boots.q90(75), 75);
  EXPECT_EQ(boots.median(75), 20);
  boots.add(20);
  EXPECT_EQ(boots.q90(75), 20);
  for (int i = 0; i < 32; ++i) boots.add(1);
  EXPECT_EQ(boots.q90(75), 5);
  EXPECT_EQ(boots.median(75), 1);
  boots.add(1e9);
  EXPECT_LE(boots.q90(75), 600);
}

// One pool under a steady hand.

// Drives the law with samples of a given load; what it decides is carried out at once.
class Bench {
 public:
  explicit Bench(const Policy& policy) { signals_.settings = law_settings(policy); }

  LawOutput run(double rate, double service_time, double seconds) {
    LawOutput out;
    for (double end = now_ + seconds; now_ < end; ++now_) {
      carry_ += rate;
      const double whole = std::floor(carry_);
      carry_ -= whole;
      signals_.load.arrivals += static_cast<uint64_t>(whole);
      signals_.load.dispatched += static_cast<uint64_t>(whole);
      signals_.load.completions += static_cast<uint64_t>(whole);
      signals_.load.holding_seconds += whole * service_time;
      signals_.load.in_flight_seconds += whole * service_time;
      signals_.load.in_flight = static_cast<uint64_t>(rate * service_time);
      out = step(state_, signals_, at(now_));
      outputs_.push_back(out);
      if (acts_ && out.move != Move::stay) {
        signals_.ready = out.target;
        ++moves_;
      }
    }
    return out;
  }

  LawState state_;
  LawSignals signals_;
  std::vector<LawOutput> outputs_;
  double now_ = 0;
  double carry_ = 0;
  int moves_ = 0;
  bool acts_ = true;
};

Policy demo_policy() {
  Policy policy;
  policy.min = 1;
  policy.max = 8;
  policy.slots = 4;
  policy.scale_in_window = std::chrono::seconds(15);
  policy.scale_in_interval = std::chrono::seconds(4);
  policy.boot_estimate = std::chrono::seconds(5);
  return policy;
}

TEST(Law, GrowsAtOnceWithTheLoadAndShrinksAfterTheWindow) {
  Bench bench(demo_policy());
  bench.run(2, 0.2, 60);
  EXPECT_EQ(bench.signals_.ready, 1U);

  const LawOutput high = bench.run(50, 0.2, 40);
  EXPECT_NEAR(high.offered_load, 10, 0.2);
  EXPECT_EQ(bench.signals_.ready, 5U);  // ceil((10 + 2 sqrt 10) / 4)

  const LawOutput soon = bench.run(2, 0.2, 10);
  EXPECT_EQ(soon.reason, "recent_need");
  EXPECT_EQ(bench.signals_.ready, 5U);
  bench.run(2, 0.2, 180);
  EXPECT_EQ(bench.signals_.ready, 1U);
}

TEST(Law, KeepsWhatWasNeededLongForFiveMinutes) {
  Policy policy = demo_policy();
  policy.scale_in_window = std::chrono::minutes(5);
  policy.scale_in_interval = std::chrono::minutes(1);
  Bench bench(policy);
  bench.run(50, 0.2, 1200);
  const uint32_t high = bench.signals_.ready;

  bench.run(0, 0.2, 290);
  EXPECT_EQ(bench.signals_.ready, high);
  bench.run(0, 0.2, 2000);
  EXPECT_EQ(bench.signals_.ready, 1U);
}

TEST(Law, KeepsWhatWasNeededBrieflyForHalfAsLong) {
  Policy policy = demo_policy();
  policy.scale_in_window = std::chrono::minutes(5);
  Bench bench(policy);
  bench.run(2, 0.2, 600);
  bench.run(50, 0.2, 120);
  const uint32_t high = bench.signals_.ready;

  bench.run(2, 0.2, 50);
  EXPECT_EQ(bench.signals_.ready, high);
  bench.run(2, 0.2, 130);
  EXPECT_LT(bench.signals_.ready, high);
}

TEST(Law, CountsOnlyWorkInFlightThatNobodyWaitsBehind) {
  Bench bench(demo_policy());
  bench.run(10, 0.2, 60);
  bench.signals_.load.queued = 100;
  const LawOutput before = bench.outputs_.back();
  for (int i = 0; i < 20; ++i) {  // all slots are taken while the queue is served
    bench.signals_.load.dispatched += 140;
    bench.signals_.load.completions += 140;
    bench.signals_.load.holding_seconds += 28;
    bench.signals_.load.in_flight_seconds += 28;
    bench.run(10, 0.2, 1);
  }

  bench.signals_.load.queued = 0;
  const LawOutput after = bench.run(10, 0.2, 2);

  EXPECT_LE(after.flow_need, before.flow_need + 1);
  EXPECT_GT(after.mean_in_flight, 15);
}

TEST(Law, GrowsForLongRequestsThatTakeAllSlotsThoughOthersWait) {
  Bench bench(demo_policy());
  bench.signals_.load.in_flight = 16;
  for (int i = 0; i < 60; ++i) {
    bench.signals_.load.in_flight_seconds += 16;
    bench.run(1, 0.2, 1);
  }
  bench.acts_ = false;
  bench.signals_.ready = 4;
  bench.signals_.load.queued = 1;

  const LawOutput out = bench.run(1, 0.2, 1);

  EXPECT_GT(out.target, 4U);
}

TEST(Law, HoldsSizeAtConstantLoad) {
  Bench bench(demo_policy());
  bench.run(40, 0.2, 60);
  bench.moves_ = 0;

  bench.run(40, 0.2, 3600);

  EXPECT_EQ(bench.moves_, 0);
}

TEST(Law, StartsOneForTheFirstRequestOfAnEmptyPool) {
  Policy policy = demo_policy();
  policy.min = 0;
  Bench bench(policy);
  EXPECT_EQ(bench.run(0, 0.2, 5).target, 0U);

  bench.signals_.load.arrivals += 1;
  bench.signals_.load.queued = 1;
  const LawOutput out = step(bench.state_, bench.signals_, at(bench.now_ - 0.99));

  EXPECT_EQ(out.move, Move::out);
  EXPECT_EQ(out.target, 1U);
  EXPECT_EQ(out.reason, "first_request");
}

TEST(Law, WakesAnEmptyPoolAfterHoursOfIdleness) {
  Policy policy = demo_policy();
  policy.min = 0;
  policy.idle_to_zero = std::chrono::minutes(1);
  Bench bench(policy);
  bench.run(5, 0.2, 60);
  bench.run(0, 0.2, 6 * 3600.0);
  EXPECT_EQ(bench.signals_.ready, 0U);

  bench.signals_.load.queued = 1;
  const LawOutput out = bench.run(1, 0.2, 1);

  EXPECT_EQ(out.target, 1U);
}

TEST(Law, GoesToZeroOnlyAfterTheIdleTime) {
  Policy policy = demo_policy();
  policy.min = 0;
  policy.idle_to_zero = std::chrono::minutes(10);
  Bench bench(policy);
  bench.run(5, 0.2, 60);

  bench.run(0, 0.2, 590);
  EXPECT_EQ(bench.signals_.ready, 1U);
  const LawOutput out = bench.run(0, 0.2, 60);
  EXPECT_EQ(bench.signals_.ready, 0U);
  EXPECT_TRUE(out.idle);
}

TEST(Law, NeverShrinksWhileRequestsWait) {
  Bench bench(demo_policy());
  bench.run(50, 0.2, 60);
  bench.signals_.load.queued = 1;

  bench.signals_.ready = 8;

  const LawOutput out = bench.run(1, 0.2, 300);

  EXPECT_EQ(out.reason, "requests_wait");
  EXPECT_EQ(bench.signals_.ready, 8U);
}

TEST(Law, NeverShrinksOrForgetsWhileAFrontDoorIsSilent) {
  Bench bench(demo_policy());
  bench.run(50, 0.2, 60);
  const uint32_t need = bench.run(50, 0.2, 1).need;
  bench.signals_.load.coverage = 0.5;

  const LawOutput out = bench.run(0, 0.2, 300);

  EXPECT_GE(out.need, need);
  EXPECT_EQ(bench.signals_.ready, 5U);
}

TEST(Law, ReplacesOverdueBootsButOnlySomeAtATime) {
  Policy policy = demo_policy();
  policy.max = 20;
  Bench bench(policy);
  bench.acts_ = false;
  bench.signals_.boots.assign(8, at(-1000));

  LawOutput out;
  for (int i = 0; i < 3; ++i) out = bench.run(50, 0.2, 1);

  EXPECT_GE(out.overdue, 1U);
  EXPECT_LE(out.overdue, 2U);
  EXPECT_EQ(out.planned + out.overdue, 8U);
}

TEST(Law, LimitsGrowthWithinOneBootTime) {
  Policy policy = demo_policy();
  policy.max = 1000;
  policy.slots = 1;
  Bench bench(policy);
  bench.run(1, 0.2, 60);

  const LawOutput out = bench.run(5000, 0.2, 4);

  EXPECT_EQ(bench.signals_.ready, out.growth_limit);
  EXPECT_LE(bench.signals_.ready, 20 * 2U);
}

TEST(Law, ObeysALoweredMaximumAtOnce) {
  Bench bench(demo_policy());
  bench.run(50, 0.2, 60);
  Policy policy = demo_policy();
  policy.max = 2;
  bench.signals_.settings = law_settings(policy);

  const LawOutput out = bench.run(50, 0.2, 1);

  EXPECT_EQ(out.reason, "above_max");
  EXPECT_EQ(out.target, 2U);
}

TEST(Law, DoesNotBuyInstancesForAStalledBackend) {
  Bench bench(demo_policy());
  bench.run(10, 0.2, 60);
  bench.signals_.load.queued = 5;

  const LawOutput out = bench.run(10, 2.0, 30);

  EXPECT_LE(out.service_time, 0.2 * 1.26);
}

TEST(Law, UsesWorkInFlightWhileNoRequestHasEnded) {
  Bench bench(demo_policy());
  LawOutput out;
  for (int i = 0; i < 30; ++i) {
    bench.signals_.load.in_flight_seconds += 6;
    bench.signals_.load.in_flight = 6;
    out = step(bench.state_, bench.signals_, at(++bench.now_));
  }

  EXPECT_NEAR(out.offered_load, 6, 0.5);
  EXPECT_EQ(out.need, 3U);  // ceil((6 + 2 sqrt 6) / 4)
}

TEST(Law, TakesNoRateAcrossAJumpOfTheClock) {
  Bench bench(demo_policy());
  bench.run(50, 0.2, 60);
  const LawOutput before = bench.outputs_.back();

  bench.now_ += 3600;
  const LawOutput after = bench.run(1, 0.2, 1);
  EXPECT_EQ(after.need, before.need);
  EXPECT_EQ(bench.run(1, 0.2, 10).move, Move::stay);

  bench.now_ -= 1800;
  EXPECT_GE(bench.run(1, 0.2, 1).need, 1U);
  EXPECT_EQ(bench.run(1, 0.2, 10).move, Move::stay);
}

}  // namespace
}  // namespace flaskscale::scaler
