#include "balancer/wait_forecast.h"

#include <gtest/gtest.h>

#include <chrono>

#include "balancer/settings.h"
#include "balancer/slot_ramp.h"

namespace flaskscale::balancer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kStart = Time{} + std::chrono::hours(1);

// Somebody waits for `length`; 10 releases a second from 4 slots.
Time learn(WaitForecast& forecast, Duration length) {
  Time now = kStart;
  forecast.tick(true, 4, now);
  for (; now < kStart + length;) {
    forecast.count_release();
    now += milliseconds(100);
    forecast.tick(true, 4, now);
  }
  return now;
}

TEST(WaitForecast, KnowsNothingFromIdleTimes) {
  WaitForecast forecast;
  for (int i = 0; i < 100; ++i) {
    forecast.count_release();
    forecast.tick(false, 4, kStart + milliseconds(100) * i);
  }
  EXPECT_FALSE(forecast.wait_seconds(10, 4, 1, kStart + seconds(10)));
}

TEST(WaitForecast, DividesPositionByRate) {
  WaitForecast forecast;
  const Time now = learn(forecast, seconds(5));
  EXPECT_NEAR(forecast.wait_seconds(19, 4, 1, now).value(), 2.0, 0.05);
  EXPECT_NEAR(forecast.wait_seconds(0, 4, 1, now).value(), 0.1, 0.01);
}

TEST(WaitForecast, FollowsTheNumberOfSlots) {
  WaitForecast forecast;
  const Time now = learn(forecast, seconds(5));
  EXPECT_NEAR(forecast.wait_seconds(19, 8, 2, now).value(), 1.0, 0.05);
  EXPECT_FALSE(forecast.wait_seconds(19, 0, 0, now));
}

TEST(WaitForecast, CountsOnExpectedCapacity) {
  WaitForecast forecast;
  const Time now = learn(forecast, seconds(5));
  forecast.expect(true, seconds(2), now);
  // 20 within the 2 s, the other 20 at twice the rate.
  EXPECT_NEAR(forecast.wait_seconds(39, 4, 1, now).value(), 3.0, 0.05);
  EXPECT_NEAR(*forecast.seconds_to_capacity(now + seconds(1)), 1.0, 1e-9);
  forecast.expect(false, {}, now);
  EXPECT_NEAR(forecast.wait_seconds(39, 4, 1, now).value(), 4.0, 0.1);
}

TEST(WaitForecast, ABootOfAnEmptyPoolBeginsWithTheFirstThatWaits) {
  WaitForecast forecast;
  Time now = kStart;
  // Expected all the time, since the first request would make something boot.
  for (int i = 0; i < 36000; ++i) {
    now += milliseconds(100);
    if (i % 10 == 0) forecast.expect(true, seconds(20), now);
    forecast.tick(false, 0, now);
  }
  EXPECT_NEAR(*forecast.seconds_to_capacity(now), 20, 0.2);
  for (int i = 0; i < 150; ++i) {
    now += milliseconds(100);
    forecast.expect(true, seconds(20), now);
    forecast.tick(true, 0, now);
  }
  EXPECT_NEAR(*forecast.seconds_to_capacity(now), 5, 0.2);
}

TEST(WaitForecast, ForgetsAfterAMinute) {
  WaitForecast forecast;
  Time now = learn(forecast, seconds(5));
  now += seconds(61);
  forecast.tick(false, 4, now);
  EXPECT_FALSE(forecast.wait_seconds(19, 4, 1, now));
}

TEST(SlotRamp, DoublesToAnyNumberOfSlots) {
  SlotRamp ramp;
  ramp.start(kStart);
  EXPECT_EQ(ramp.limit(1, seconds(10), kStart), 1U);
  EXPECT_EQ(ramp.limit(6, seconds(9), kStart), 1U);
  EXPECT_EQ(ramp.limit(6, seconds(9), kStart + seconds(3)), 2U);
  EXPECT_EQ(ramp.limit(6, seconds(9), kStart + seconds(6)), 4U);
  EXPECT_EQ(ramp.limit(6, seconds(9), kStart + seconds(9)), 6U);
  EXPECT_EQ(ramp.limit(6, seconds(0), kStart), 6U);
  EXPECT_EQ(ramp.limit(kUnlimitedSlots, seconds(10), kStart), 1U);
  EXPECT_EQ(ramp.limit(kUnlimitedSlots, seconds(10), kStart + milliseconds(9001)), 512U);
  EXPECT_EQ(ramp.limit(kUnlimitedSlots, seconds(10), kStart + seconds(10)), kUnlimitedSlots);
}

}  // namespace
}  // namespace flaskscale::balancer
