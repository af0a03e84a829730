#include "balancer/load_meter.h"

#include <utility>
#include <vector>

#include "tests/unit/balancer/pool_fixture.h"

namespace flaskscale::balancer {
namespace {

using PoolLoad = PoolFixture;

TEST_F(PoolLoad, CountsRequestsAndHoldingTime) {
  make(plain(1), 1);
  Slot held = take();
  auto waiter = wait();
  auto left = wait();
  pool->leave(left->ticket, Pool::Leave::client_left, now);
  advance(seconds(2));
  held.finish(now);
  home.deliver_all();
  advance(seconds(3));

  LoadReading reading = pool->read_load(now);
  EXPECT_EQ(reading.arrivals, 3U);
  EXPECT_EQ(reading.dispatched, 2U);
  EXPECT_EQ(reading.completions, 1U);
  EXPECT_EQ(reading.client_left, 1U);
  EXPECT_EQ(reading.in_flight, 1U);
  EXPECT_EQ(reading.queued, 0U);
  EXPECT_DOUBLE_EQ(reading.holding_seconds, 2);
  EXPECT_NEAR(reading.in_flight_seconds, 5, 0.001);

  waiter->slot.finish(now);
  reading = pool->read_load(now + seconds(100));
  EXPECT_DOUBLE_EQ(reading.holding_seconds, 5);
  EXPECT_NEAR(reading.in_flight_seconds, 5, 0.001);
}

TEST_F(PoolLoad, ShowsTheQueue) {
  make(plain(1), 1);
  const Slot held = take();
  AcquireRequest asked = request();
  asked.bytes = 10;
  auto waiter = wait(asked);
  advance(seconds(4));

  const LoadReading reading = pool->read_load(now);

  EXPECT_EQ(reading.queued, 1U);
  EXPECT_EQ(reading.queued_bytes, 10U);
  EXPECT_DOUBLE_EQ(reading.oldest_wait_seconds, 4);
  pool->leave(waiter->ticket, Pool::Leave::client_left, now);
}

TEST_F(PoolLoad, UnservedSlotHasNoHoldingTime) {
  make(plain(1), 1);
  { const Slot dropped = take(); }
  const LoadReading reading = pool->read_load(now + seconds(9));
  EXPECT_EQ(reading.completions, 0U);
  EXPECT_EQ(reading.in_flight, 0U);
  EXPECT_EQ(reading.in_flight_seconds, 0);
}

TEST(LoadMeter, IntegralSurvivesTheWrapOfItsLines) {
  LoadMeter meter(1);
  Time now = Time{} + std::chrono::hours(24 * 365);
  for (int i = 0; i < 100000; ++i) meter.count_take(0, now);
  double expected = 0;
  for (int i = 0; i < 300; ++i) {  // 100,000 in flight wrap 2^40 ticks in three minutes
    now += seconds(1);
    expected += 100000;
    ASSERT_NEAR(meter.read(now).in_flight_seconds, expected, expected * 1e-4);
  }
  for (int i = 0; i < 100000; ++i) meter.count_release(0, now);
  EXPECT_NEAR(meter.read(now + seconds(60)).in_flight_seconds, expected, expected * 1e-4);
}

}  // namespace
}  // namespace flaskscale::balancer
