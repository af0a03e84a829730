#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/balancer/pool_fixture.h"

namespace flaskscale::balancer {
namespace {

class Admission : public PoolFixture {
 protected:
  // Two slots, each request takes 100 ms, a second long: 20 releases a second while somebody waits.
  void learn_rate() {
    auto slots = take_many(2);
    std::vector<std::unique_ptr<RecordingWaiter>> waiters;
    for (int i = 0; i < 24; ++i) waiters.push_back(wait());
    pool->tick(now);
    for (int tick = 0; tick < 10; ++tick) {
      advance(milliseconds(100));
      for (Slot& slot : slots) slot.finish(now);
      slots.clear();
      home.deliver_all();
      for (auto& waiter : waiters) {
        if (waiter->slot) slots.push_back(std::move(waiter->slot));
      }
      pool->tick(now);
    }
    for (auto& waiter : waiters) {
      if (waiter->calls == 0) pool->leave(waiter->ticket, Pool::Leave::client_left, now);
    }
    for (Slot& slot : slots) slot.finish(now);
  }
};

TEST_F(Admission, GivesFreedSlotToOldestWaiter) {
  make(plain(1), 1);
  Slot held = take();
  auto first = wait();
  auto second = wait();
  ASSERT_TRUE(first->ticket);
  EXPECT_EQ(pool->queued(), 2U);

  held.finish(now);
  home.deliver_all();

  EXPECT_TRUE(first->slot);
  EXPECT_EQ(second->calls, 0);
  EXPECT_EQ(pool->queued(), 1U);
  first->slot.finish(now);
  home.deliver_all();
  EXPECT_TRUE(second->slot);
}

TEST_F(Admission, DestroyedSlotGoesToNextToo) {
  make(plain(1), 1);
  auto waiter = std::make_unique<RecordingWaiter>();
  {
    const Slot held = take();
    waiter = wait();
  }
  home.deliver_all();
  EXPECT_TRUE(waiter->slot);
}

TEST_F(Admission, NewcomerDoesNotOvertakeWaiters) {
  make(plain(1), 1);
  Slot held = take();
  auto waiter = wait();

  held.finish(now);
  auto newcomer = wait();

  EXPECT_TRUE(newcomer->ticket);
  home.deliver_all();
  EXPECT_TRUE(waiter->slot);
}

TEST_F(Admission, RefusesBeyondCount) {
  PoolSettings settings = plain(1);
  settings.queue_limit = 2;
  make(settings, 1);
  const Slot held = take();
  auto first = wait();
  auto second = wait();
  auto third = wait();

  ASSERT_TRUE(third->refused);
  EXPECT_EQ(third->refused->why, Refusal::queue_full);
  pool->leave(first->ticket, Pool::Leave::client_left, now);
  EXPECT_TRUE(wait()->ticket);
}

TEST_F(Admission, RefusesBeyondBytes) {
  PoolSettings settings = plain(1);
  settings.queue_bytes = 100;
  make(settings, 1);
  const Slot held = take();
  AcquireRequest big = request();
  big.bytes = 60;
  auto first = wait(big);
  auto second = wait(big);

  ASSERT_TRUE(second->refused);
  EXPECT_EQ(second->refused->why, Refusal::queue_bytes);
  EXPECT_EQ(pool->read_load(now).queued_bytes, 60U);
  pool->leave(first->ticket, Pool::Leave::client_left, now);
  EXPECT_EQ(pool->read_load(now).queued_bytes, 0U);
}

TEST_F(Admission, LeavingFreesThePlaceAndIsNotCalledAnyMore) {
  make(plain(1), 1);
  Slot held = take();
  auto first = wait();
  auto second = wait();

  pool->leave(first->ticket, Pool::Leave::client_left, now);
  held.finish(now);
  home.deliver_all();

  EXPECT_EQ(first->calls, 0);
  EXPECT_TRUE(second->slot);
  EXPECT_EQ(pool->read_load(now).client_left, 1U);
}

TEST_F(Admission, SlotOnItsWayToOneWhoLeftGoesToNext) {
  make(plain(1), 1);
  Slot held = take();
  auto first = wait();
  auto second = wait();

  held.finish(now);
  pool->leave(first->ticket, Pool::Leave::client_left, now);
  home.deliver_all();

  EXPECT_EQ(first->calls, 0);
  EXPECT_TRUE(second->slot);
  pool->leave(second->ticket, Pool::Leave::client_left, now);  // too late, without effect
  EXPECT_EQ(pool->read_load(now).client_left, 1U);
}

TEST_F(Admission, RetryGoesToTheHeadWithItsFirstDeadline) {
  make(plain(1), 1);
  Slot held = take();
  auto waiter = wait();
  AcquireRequest again = request();
  again.first_enqueued = now - seconds(10);
  auto retry = wait(again);

  EXPECT_EQ(pool->deadline(*retry->ticket, now), now + seconds(20));
  held.finish(now);
  home.deliver_all();

  EXPECT_TRUE(retry->slot);
  EXPECT_EQ(waiter->calls, 0);
  EXPECT_EQ(pool->read_load(now).arrivals, 2U);
}

TEST_F(Admission, RetryWhoseDeadlinePassedIsRefused) {
  make(plain(1), 1);
  const Slot held = take();
  AcquireRequest again = request();
  again.first_enqueued = now - seconds(31);

  auto retry = wait(again);

  ASSERT_TRUE(retry->refused);
  EXPECT_EQ(retry->refused->why, Refusal::waited_too_long);
}

TEST_F(Admission, NeverQueuesWithUnlimitedSlots) {
  PoolSettings settings = plain(kUnlimitedSlots);
  settings.slow_start = seconds(10);
  make(settings, 3);
  auto slots = take_many(5000);
  probe(name_of(0), false, 3);  // the only one that was not ramping
  for (Slot& slot : take_many(5000)) {
    ASSERT_TRUE(slot);
    slots.push_back(std::move(slot));
  }
  EXPECT_EQ(pool->queued(), 0U);
}

TEST_F(Admission, HoldsLongerWhileCapacityIsComing) {
  make(plain(1), 1);
  const Slot held = take();
  auto waiter = wait();
  EXPECT_EQ(pool->deadline(*waiter->ticket, now), now + seconds(30));

  pool->expect_capacity(true, seconds(20), now);
  EXPECT_EQ(pool->deadline(*waiter->ticket, now), now + seconds(70));
  pool->expect_capacity(true, seconds(200), now);
  EXPECT_EQ(pool->deadline(*waiter->ticket, now), now + seconds(180));
  pool->expect_capacity(true, seconds(1), now);
  EXPECT_EQ(pool->deadline(*waiter->ticket, now), now + seconds(30));
  pool->expect_capacity(false, {}, now);
  EXPECT_EQ(pool->deadline(*waiter->ticket, now), now + seconds(30));
}

TEST_F(Admission, KeepsThoseWhoWaitedForCapacityWhenItHasCome) {
  make(plain(1), 1);
  const Slot held = take();
  pool->expect_capacity(true, seconds(60), now);
  auto waiter = wait();
  now += seconds(60);

  pool->expect_capacity(false, {}, now);
  EXPECT_EQ(pool->deadline(*waiter->ticket, now), now + seconds(30));
  auto newcomer = wait();
  EXPECT_EQ(pool->deadline(*newcomer->ticket, now), now + seconds(30));
}

TEST_F(Admission, EmptyPoolRefusesAtOnceUnlessCapacityIsComing) {
  make(plain(1), 0);
  auto refused = wait();
  ASSERT_TRUE(refused->refused);
  EXPECT_EQ(refused->refused->why, Refusal::no_capacity);

  pool->expect_capacity(true, seconds(5), now);
  auto held = wait();
  EXPECT_TRUE(held->ticket);

  pool->expect_capacity(false, {}, now);
  home.deliver_all();
  ASSERT_TRUE(held->refused);
  EXPECT_EQ(held->refused->why, Refusal::no_capacity);
  EXPECT_EQ(pool->read_load(now).refused, 2U);
}

TEST_F(Admission, UnverifiedBackendCountsAsComingForAFewChecks) {
  make(plain(1), 0);
  pool->add_backend("a", 1, now);
  auto waiter = wait();
  EXPECT_TRUE(waiter->ticket);

  probe("a", false, 2);
  EXPECT_EQ(pool->queued(), 1U);
  probe("a", false, 1);
  home.deliver_all();

  ASSERT_TRUE(waiter->refused);
  EXPECT_EQ(waiter->refused->why, Refusal::no_capacity);
}

TEST_F(Admission, RefusesWaitersWhenTheLastCapacityDisappears) {
  for (const std::string how : {"drain", "remove", "down"}) {
    make(plain(1), 1);
    Slot held = take();
    auto waiter = wait();
    if (how == "drain") pool->drain(name_of(0), now);
    if (how == "remove") pool->remove_backend(name_of(0), now);
    if (how == "down") probe(name_of(0), false, 3);
    home.deliver_all();
    ASSERT_TRUE(waiter->refused) << how;
    EXPECT_EQ(waiter->refused->why, Refusal::no_capacity);
    held.finish(now);
  }
}

TEST_F(Admission, EveryRiseOfCapacityServesWaiters) {
  make(plain(1), 2);
  Slot a = take();
  Slot b = take();
  auto first = wait();
  auto second = wait();
  auto third = wait();
  auto fourth = wait();

  add_up("joined");
  home.deliver_all();
  EXPECT_TRUE(first->slot);

  pool->apply(plain(2), now);
  home.deliver_all();
  EXPECT_TRUE(second->slot);
  EXPECT_TRUE(third->slot);
  EXPECT_TRUE(fourth->slot);
  EXPECT_EQ(pool->queued(), 0U);
}

TEST_F(Admission, UndrainServesWaiters) {
  make(plain(1), 2);
  pool->drain(name_of(1), now);
  const Slot held = take();
  auto waiter = wait();

  EXPECT_TRUE(pool->undrain(name_of(1), now));
  home.deliver_all();

  EXPECT_TRUE(waiter->slot);
  EXPECT_FALSE(pool->undrain(name_of(1), now));
}

TEST_F(Admission, NeverRefusesEarlyWhileNoRateIsKnown) {
  PoolSettings settings = plain(1);
  settings.queue_timeout = milliseconds(1);
  make(settings, 1);
  const Slot held = take();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(wait()->ticket);
}

TEST_F(Admission, RefusesWhatWouldWaitPastItsDeadline) {
  PoolSettings settings = plain(1);
  settings.queue_timeout = seconds(1);
  settings.queue_order = QueueOrder::fifo;
  make(settings, 2);
  learn_rate();
  const auto held = take_many(2);

  std::vector<std::unique_ptr<RecordingWaiter>> waiters;
  while (waiters.empty() || waiters.back()->ticket) waiters.push_back(wait());

  EXPECT_EQ(waiters.back()->refused->why, Refusal::predicted_too_late);
  EXPECT_NEAR(static_cast<double>(waiters.size()), 20, 5);
  EXPECT_GE(waiters.back()->refused->retry_after_s, 1U);
  EXPECT_LE(waiters.back()->refused->retry_after_s, 2U);
  EXPECT_GT(pool->predicted_wait_seconds(now), 0.5);

  pool->expect_capacity(true, milliseconds(500), now);  // holds 10 s: admitted again
  EXPECT_TRUE(wait()->ticket);
}

TEST_F(Admission, ServesNewestFirstWhileSlowAndOldestAgainBelowHalf) {
  PoolSettings settings = plain(1);
  settings.slow_after = milliseconds(500);
  make(settings, 2);
  learn_rate();
  auto held = take_many(2);
  std::vector<std::unique_ptr<RecordingWaiter>> waiters;
  for (int i = 0; i < 20; ++i) waiters.push_back(wait());  // a second's worth

  held[0].finish(now);
  home.deliver_all();
  EXPECT_TRUE(waiters.back()->slot);

  for (size_t i = 19; i > 3; --i) {
    if (waiters[i]->calls == 0) pool->leave(waiters[i]->ticket, Pool::Leave::client_left, now);
  }
  held[1].finish(now);
  home.deliver_all();
  EXPECT_TRUE(waiters.front()->slot);
}

TEST_F(Admission, CloseRefusesThoseWhoWaitAndThoseWhoCome) {
  make(plain(1), 1);
  Slot held = take();
  auto waiter = wait();

  pool->close(now);
  home.deliver_all();
  held.finish(now);

  EXPECT_EQ(waiter->refused->why, Refusal::shutting_down);
  EXPECT_EQ(wait()->refused->why, Refusal::shutting_down);
  probe(name_of(0), true, 5);
  EXPECT_EQ(wait()->refused->why, Refusal::shutting_down);
}

TEST_F(Admission, TimeOutCountsAsRefused) {
  make(plain(1), 1);
  const Slot held = take();
  auto waiter = wait();

  pool->leave(waiter->ticket, Pool::Leave::timed_out, now + seconds(30));

  EXPECT_EQ(pool->read_load(now).refused, 1U);
  EXPECT_EQ(pool->timed_out_refusal(now).why, Refusal::waited_too_long);
}

TEST_F(Admission, BudgetsRetriesByWhatIsInFlight) {
  make(plain(kUnlimitedSlots), 1);
  EXPECT_TRUE(pool->try_begin_retry());
  EXPECT_TRUE(pool->try_begin_retry());
  EXPECT_TRUE(pool->try_begin_retry());
  EXPECT_FALSE(pool->try_begin_retry());
  {
    const auto slots = take_many(20);  // a fifth of them: 4
    EXPECT_TRUE(pool->try_begin_retry());
    EXPECT_FALSE(pool->try_begin_retry());
  }
  pool->end_retry();
  pool->end_retry();
  EXPECT_TRUE(pool->try_begin_retry());
  EXPECT_FALSE(pool->try_begin_retry());
}

TEST(LostWakeupGauge, CountsOnlyWhatTwoChecksAgreeOn) {
  LostWakeupGauge gauge;
  const Time start = Time{} + seconds(1);
  EXPECT_FALSE(gauge.check(1, true, start));
  EXPECT_FALSE(gauge.check(2, true, start + seconds(1)));
  EXPECT_FALSE(gauge.check(2, false, start + seconds(2)));
  EXPECT_FALSE(gauge.check(2, true, start + seconds(3)));
  EXPECT_TRUE(gauge.check(2, true, start + seconds(5)));
  EXPECT_DOUBLE_EQ(gauge.seconds(), 2.0);
  EXPECT_FALSE(gauge.check(0, false, start + seconds(6)));
}

}  // namespace
}  // namespace flaskscale::balancer
