#include "scaler/law_memory.h"

#include <gtest/gtest.h>

#include "tests/unit/scaler/law_history.h"

namespace flaskscale::scaler {
namespace {

void expect_equal(const LawOutput& a, const LawOutput& b) {
  ASSERT_EQ(a.move, b.move);
  ASSERT_EQ(a.reason, b.reason);
  ASSERT_EQ(a.target, b.target);
  ASSERT_EQ(a.need, b.need);
  ASSERT_EQ(a.keep, b.keep);
  ASSERT_EQ(a.offered_load, b.offered_load);
  ASSERT_EQ(a.forecast.rate, b.forecast.rate);
  ASSERT_EQ(a.forecast.headroom, b.forecast.headroom);
  ASSERT_EQ(a.boot_seconds, b.boot_seconds);
}

// Invariant 13. The twin is saved and restored halfway, which must not be seen.
TEST(LawMemory, ReplayGivesTheSameDecisionsAlsoOverASave) {
  const uint64_t first = first_seed();
  for (uint64_t seed = first; seed < first + kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History a(seed);
    History b(seed);
    for (int i = 0; i < 40; ++i) {
      a.next();
      b.next();
      if (i == 20) {
        auto restored = restore(save(b.state, b.now, b.signals.wall), b.now, b.signals.wall,
                                Counters::continued);
        ASSERT_TRUE(restored) << restored.error().detail;
        b.state = *std::move(restored);
      }
      const LawOutput x = step(a.state, a.signals, a.now);
      const LawOutput y = step(b.state, b.signals, b.now);
      expect_equal(x, y);
      if (HasFatalFailure()) return;
      a.carry_out(x);
      b.carry_out(y);
    }
  }
}

constexpr WallTime kWall{std::chrono::hours(400000)};

// A pool that has seen two days at ten-second steps.
struct Grown {
  LawState state;
  LawSignals signals;
  double now = 0;

  Grown() {
    Policy policy;
    policy.slots = 4;
    signals.settings = law_settings(policy);
    signals.ready = 5;
    for (int i = 0; i < 15; ++i) signals.booted.push_back({33, "v1@a"});
    run(2 * 86400);
  }
  LawOutput run(double seconds) {
    LawOutput out;
    for (double end = now + seconds; now < end; now += 10) {
      const uint64_t n = static_cast<int>(now / 3600) % 24 < 12 ? 400 : 100;
      signals.load.arrivals += n;
      signals.load.dispatched += n;
      signals.load.completions += n;
      signals.load.holding_seconds += 0.15 * static_cast<double>(n);
      out = step(state, signals, history_time(now));
      signals.booted.clear();
      signals.wall = kWall + std::chrono::seconds(static_cast<int64_t>(now));
    }
    return out;
  }
};

TEST(LawMemory, KeepsWhatWasLearnedOverARestart) {
  Grown pool;
  const LawOutput before = pool.run(10);
  const std::string text = save(pool.state, history_time(pool.now), pool.signals.wall);
  EXPECT_LT(text.size(), 300000U);

  // Another process: another monotonic clock, counters from zero, a minute later.
  const Time now = Time(std::chrono::seconds(17));
  auto restored = restore(text, now, pool.signals.wall + std::chrono::minutes(1));
  ASSERT_TRUE(restored) << restored.error().detail;
  LawSignals signals = pool.signals;
  signals.load = {};
  signals.wall += std::chrono::minutes(1);
  const LawOutput after = step(*restored, signals, now);

  EXPECT_EQ(after.boot_seconds, 33);
  EXPECT_DOUBLE_EQ(after.forecast.headroom, before.forecast.headroom);
  EXPECT_DOUBLE_EQ(after.service_time, before.service_time);
  EXPECT_EQ(after.need, before.need);
  EXPECT_NE(after.move, Move::in);
}

TEST(LawMemory, DropsRatesAndKeepsTheRestAfterALongGapOrWithABadClock) {
  Grown pool;
  const double headroom = pool.run(10).forecast.headroom;
  const std::string text = save(pool.state, history_time(pool.now), pool.signals.wall);
  for (const WallTime wall :
       {pool.signals.wall + std::chrono::hours(5), pool.signals.wall - std::chrono::hours(5),
        WallTime{}, WallTime::max(), WallTime::min()}) {
    auto restored = restore(text, Time(std::chrono::seconds(17)), wall);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_EQ(restored->load.arrival_rate(), 0);
    EXPECT_EQ(restored->boots.q90("v1@a", 75), 33);
    LawSignals signals = pool.signals;
    signals.load = {};
    signals.wall = wall;
    const LawOutput out = step(*restored, signals, Time(std::chrono::seconds(17)));
    EXPECT_EQ(out.forecast.headroom, headroom);
    EXPECT_NE(out.move, Move::in);
  }
}

TEST(LawMemory, SurvivesAnyText) {
  Grown pool;
  const Time now = history_time(pool.now);
  const std::string text = save(pool.state, now, pool.signals.wall);
  ASSERT_TRUE(restore(text, now, pool.signals.wall));
  EXPECT_FALSE(restore("", now, kWall));
  EXPECT_FALSE(restore("null", now, kWall));
  EXPECT_FALSE(restore("{\"version\":1}", now, kWall));
  EXPECT_FALSE(restore(std::string(100000, '['), now, kWall));

  Random random(first_seed());
  const uint64_t tries = kHistories / 25;
  uint64_t accepted = 0;
  for (uint64_t i = 0; i < tries; ++i) {
    std::string bad = text;
    if (random.below(4) == 0) bad.resize(random.below(static_cast<uint32_t>(bad.size())));
    for (uint32_t k = random.below(4); k > 0 && !bad.empty(); --k) {
      // Most of the text is packed patterns; the structure is in what comes around them.
      const size_t from = random.below(2) == 0 ? bad.size() - bad.size() / 8 : 0;
      const size_t position = from + random.below(static_cast<uint32_t>(bad.size() - from));
      constexpr std::string_view kBytes = "0123456789-eE.[]{}\",:ntf \x80";
      bad[position] = kBytes[random.below(kBytes.size())];
    }
    auto restored = restore(bad, now, pool.signals.wall);
    if (!restored) continue;
    ++accepted;
    LawSignals signals = pool.signals;
    for (int s = 1; s < 30; ++s) {
      signals.load.arrivals += 10;
      const LawOutput out = step(*restored, signals, now + std::chrono::seconds(7 * s));
      ASSERT_TRUE(std::isfinite(out.slots));
      ASSERT_LE(out.need, signals.settings.max);
    }
  }
  EXPECT_GT(accepted, 0U);
}

}  // namespace
}  // namespace flaskscale::scaler
