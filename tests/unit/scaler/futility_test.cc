// Growth that doesn't help, and growth that can't be had.
#include "scaler/futility.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "scaler/law.h"

namespace flaskscale::scaler {
namespace {

Time at(double seconds) { return Time(std::chrono::hours(1)) + from_seconds(seconds); }

// A pool whose instances share something behind them that answers at most `limit` requests per
// second.
class Bottleneck {
 public:
  explicit Bottleneck(double limit) : limit_(limit) {
    Policy policy;
    policy.max = 1000;
    policy.slots = 10;
    policy.queue_limit = 100000;
    signals_.settings = law_settings(policy);
    signals_.ready = 10;
  }

  LawOutput run(double rate, double seconds) {
    LawOutput out;
    for (double end = now_ + seconds; now_ < end; ++now_) out = second(rate);
    return out;
  }

  LawState state_;
  LawSignals signals_;
  double limit_;
  double now_ = 0;
  uint32_t most_ = 0;
  bool braked_ = false;

 private:
  LawOutput second(double rate) {
    const double slots = 10.0 * signals_.ready;
    const double unlimited = slots / 0.2;
    const double waiting = static_cast<double>(signals_.load.queued) + rate;
    const double served = std::floor(std::min({waiting, unlimited, limit_}));
    signals_.load.arrivals += static_cast<uint64_t>(rate);
    signals_.load.dispatched += static_cast<uint64_t>(served);
    signals_.load.completions += static_cast<uint64_t>(served);
    signals_.load.queued = static_cast<uint64_t>(std::min(waiting - served, 30 * rate));
    // All slots are taken while requests wait, so that each takes as long as slots / served.
    const double in_flight = signals_.load.queued > 0 ? slots : served * 0.2;
    signals_.load.holding_seconds += in_flight;
    signals_.load.in_flight_seconds += in_flight;
    signals_.load.in_flight = static_cast<uint64_t>(in_flight);
    std::erase_if(signals_.boots, [&](Time created) {
      if (at(now_) - created < std::chrono::seconds(60)) return false;
      ++signals_.ready;
      return true;
    });
    const LawOutput out = step(state_, signals_, at(now_));
    if (out.move == Move::out) {
      signals_.boots.insert(signals_.boots.end(), out.target - out.planned, at(now_));
    }
    most_ = std::max(most_, out.planned);
    braked_ = braked_ || out.reason == "futile";
    return out;
  }
};

TEST(Futility, BrakesWhenMoreInstancesAnswerNoMore) {
  Bottleneck pool(400);
  pool.run(150, 300);

  const LawOutput out = pool.run(600, 900);

  EXPECT_TRUE(out.futile);
  EXPECT_TRUE(pool.braked_);
  const uint32_t held = out.planned;
  pool.run(600, 1500);
  EXPECT_LE(pool.run(600, 1).planned, held + 6);  // one probe each five minutes
  EXPECT_GT(pool.run(600, 1).planned, held);
}

TEST(Futility, LetsGoWhenTheBottleneckOpens) {
  Bottleneck pool(400);
  pool.run(150, 300);
  pool.run(600, 900);
  pool.limit_ = 1e9;
  EXPECT_FALSE(pool.run(600, 120).futile);
}

TEST(Futility, LetsHonestGrowthPass) {
  Bottleneck pool(1e9);
  pool.run(150, 300);
  pool.run(1500, 1200);
  EXPECT_FALSE(pool.braked_);
  EXPECT_EQ(pool.signals_.load.queued, 0U);
}

TEST(Futility, KeepsNoFloorFromBeingReached) {
  Bottleneck pool(400);
  pool.run(150, 300);
  const uint32_t held = pool.run(600, 900).planned;
  pool.signals_.settings.min = held + 5;

  const LawOutput out = pool.run(600, 1);

  EXPECT_GE(out.target, pool.signals_.settings.min);
}

struct Steady {
  LawState state;
  LawSignals signals;
  double now = 0;

  explicit Steady(uint32_t ready) {
    Policy policy;
    policy.max = 50;
    policy.slots = 4;
    policy.scale_in_window = std::chrono::seconds(30);
    signals.settings = law_settings(policy);
    signals.ready = ready;
  }
  LawOutput run(uint64_t rate, double seconds) {
    LawOutput out;
    for (double end = now + seconds; now < end; ++now) {
      signals.load.arrivals += rate;
      signals.load.dispatched += rate;
      signals.load.completions += rate;
      signals.load.holding_seconds += 0.2 * static_cast<double>(rate);
      out = step(state, signals, at(now));
    }
    return out;
  }
};

TEST(Shortage, HoldsTheTargetAtWhatCanBeHadAndSaysWhy) {
  Steady pool(5);
  pool.signals.shortage = "quota";
  pool.signals.most = 5;
  const LawOutput held = pool.run(200, 60);
  EXPECT_EQ(held.move, Move::stay);
  EXPECT_EQ(held.reason, "quota");
  EXPECT_GT(held.need, 5U);

  pool.signals.most = 7;
  const LawOutput out = pool.run(200, 1);
  EXPECT_EQ(out.move, Move::out);
  EXPECT_EQ(out.target, 7U);
}

TEST(Shortage, TakesNothingAway) {
  Steady pool(12);
  pool.signals.shortage = "stockout";
  const LawOutput held = pool.run(2, 900);
  EXPECT_EQ(held.move, Move::stay);
  EXPECT_EQ(held.reason, "stockout");

  pool.signals.shortage = {};
  EXPECT_EQ(pool.run(2, 1).move, Move::in);
}

TEST(Deploy, TakesNothingAway) {
  Steady pool(12);
  pool.signals.deploying = true;
  EXPECT_EQ(pool.run(2, 900).reason, "deploy");
  pool.signals.deploying = false;
  EXPECT_EQ(pool.run(2, 1).move, Move::in);
}

}  // namespace
}  // namespace flaskscale::scaler
