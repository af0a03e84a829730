#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/balancer/pool_fixture.h"

namespace flaskscale::balancer {
namespace {

class BackendLife : public PoolFixture {
 protected:
  void fail(Backend& backend, ExchangeResult result, int times) {
    for (int i = 0; i < times; ++i) pool->report(backend, result, now);
  }
};

TEST_F(BackendLife, ServesAfterItsFirstGoodCheck) {
  make(plain(4), 0);
  pool->add_backend("a", 1, now);
  EXPECT_EQ(status("a").life, Life::booting);
  EXPECT_EQ(status("a").limit, 0U);

  pool->on_probe("a", false, now);
  pool->on_probe("a", true, now);

  EXPECT_EQ(status("a").life, Life::ready);
  EXPECT_EQ(status("a").limit, 4U);
}

TEST_F(BackendLife, AddingAgainFindsTheSame) {
  make(plain(4), 0);
  const auto backend = pool->add_backend("a", 1, now);
  EXPECT_EQ(pool->add_backend("a", 1, now), backend);
  EXPECT_EQ(pool->backends(now).size(), 1U);
}

TEST_F(BackendLife, FirstOfAnEmptyPoolSkipsTheRampAndOthersDouble) {
  PoolSettings settings = plain(8);
  settings.slow_start = seconds(9);
  make(settings, 0);
  add_up("first");
  add_up("second");

  EXPECT_EQ(status("first").limit, 8U);
  EXPECT_EQ(status("first").life, Life::ready);
  std::vector<uint32_t> limits;
  for (int i = 0; i < 4; ++i) {
    pool->tick(now);
    limits.push_back(status("second").limit);
    EXPECT_EQ(status("second").life, i < 3 ? Life::warming : Life::ready);
    advance(seconds(3));
  }
  EXPECT_EQ(limits, (std::vector<uint32_t>{1, 2, 4, 8}));
}

TEST_F(BackendLife, RampStepServesWaiters) {
  PoolSettings settings = plain(2);
  settings.slow_start = seconds(1);
  make(settings, 2);
  const auto held = take_many(3);
  auto waiter = wait();
  ASSERT_TRUE(waiter->ticket);

  advance(seconds(1));
  pool->tick(now);
  home.deliver_all();

  EXPECT_TRUE(waiter->slot);
  EXPECT_EQ(pool->idle_slot_while_queued_seconds(), 0);
}

TEST_F(BackendLife, GoesDownAfterFallAndComesBackAfterRiseWithARamp) {
  PoolSettings settings = plain(8);
  settings.slow_start = seconds(9);
  make(settings, 2);
  advance(seconds(10));
  pool->tick(now);

  probe(name_of(1), false, 2);
  EXPECT_EQ(status(name_of(1)).limit, 8U);
  probe(name_of(1), false, 1);
  EXPECT_EQ(status(name_of(1)).limit, 0U);
  EXPECT_EQ(status(name_of(1)).life, Life::booting);
  EXPECT_EQ(status(name_of(1)).up_since_seconds, 0);
  probe(name_of(1), true, 1);
  EXPECT_EQ(status(name_of(1)).limit, 0U);
  probe(name_of(1), true, 1);
  EXPECT_EQ(status(name_of(1)).limit, 1U);
  advance(seconds(2));
  EXPECT_DOUBLE_EQ(status(name_of(1)).up_since_seconds, 2);
}

TEST_F(BackendLife, OneGoodCheckForgivesBadOnes) {
  make(plain(8), 1);
  for (int i = 0; i < 5; ++i) {
    probe(name_of(0), false, 2);
    probe(name_of(0), true, 1);
  }
  EXPECT_EQ(status(name_of(0)).limit, 8U);
}

TEST_F(BackendLife, NothingIsTakenAfterDrainAndAllIsBackAfterUndrain) {
  PoolSettings settings = plain(4);
  settings.slow_start = seconds(10);
  make(settings, 1);
  auto slots = take_many(3);

  EXPECT_EQ(pool->drain(name_of(0), now), 3U);
  EXPECT_EQ(status(name_of(0)).life, Life::draining);
  EXPECT_TRUE(status(name_of(0)).drained_by_operator);
  EXPECT_FALSE(take());
  EXPECT_TRUE(pool->undrain(name_of(0), now));

  EXPECT_EQ(status(name_of(0)).limit, 4U);
  EXPECT_EQ(status(name_of(0)).life, Life::ready);
  EXPECT_TRUE(take());
}

TEST_F(BackendLife, UndrainOfOneThatWentDownMeanwhileTakesNothing) {
  make(plain(4), 2);
  pool->drain(name_of(0), now);
  probe(name_of(0), false, 3);
  pool->undrain(name_of(0), now);
  EXPECT_EQ(status(name_of(0)).limit, 0U);
  EXPECT_EQ(status(name_of(0)).life, Life::booting);
}

TEST_F(BackendLife, UnknownAddressesAreHarmless) {
  make(plain(4), 0);
  EXPECT_EQ(pool->drain("x", now), 0U);
  EXPECT_FALSE(pool->undrain("x", now));
  pool->remove_backend("x", now);
  pool->on_probe("x", true, now);
}

TEST_F(BackendLife, RemovedBackendLivesUntilItsLastSlotIsFreed) {
  make(plain(4), 1);
  Slot held = take();
  const std::weak_ptr<Backend> backend = pool->add_backend(name_of(0), 1, now);

  pool->remove_backend(name_of(0), now);
  pool->tick(now);
  ASSERT_FALSE(backend.expired());
  EXPECT_EQ(held.backend().life(), Life::gone);
  EXPECT_TRUE(pool->backends(now).empty());
  held.finish(now);
  pool->tick(now);

  EXPECT_TRUE(backend.expired());
}

TEST_F(BackendLife, AddressMayComeBackWhileTheOldBackendStillFinishes) {
  make(plain(1), 1);
  Slot old = take();
  pool->remove_backend(name_of(0), now);
  add_up(name_of(0));

  Slot fresh = take();

  ASSERT_TRUE(fresh);
  EXPECT_NE(fresh.backend().id(), old.backend().id());
  old.finish(now);
  EXPECT_EQ(fresh.backend().in_flight(), 1U);
  EXPECT_FALSE(take());
}

TEST_F(BackendLife, HolderOfAGoneBackendSeesNothingOfItsSuccessor) {
  make(plain(4), 1);
  const auto old = pool->add_backend(name_of(0), 1, now);
  pool->remove_backend(name_of(0), now);
  add_up("next");
  const Slot slot = take();
  EXPECT_EQ(old->in_flight(), 0U);
  EXPECT_EQ(old->limit(), 0U);
  EXPECT_EQ(old->life(), Life::gone);
  pool->report(*old, ExchangeResult::broken, now);
}

TEST_F(BackendLife, LimitLoweredBelowInFlightTakesNothingUntilItFits) {
  make(plain(4), 1);
  auto slots = take_many(4);
  pool->apply(plain(2), now);
  slots.pop_back();
  slots.pop_back();
  EXPECT_FALSE(take());
  slots.pop_back();
  for (auto& ticket : home.decided) Pool::deliver(ticket);
  EXPECT_EQ(status(name_of(0)).in_flight, 2U);  // the one that waited
}

TEST_F(BackendLife, EjectsAfterFailuresInARowAndTakesBackInTime) {
  make(plain(4), 4);
  const auto backend = pool->add_backend(name_of(0), 1, now);
  fail(*backend, ExchangeResult::server_error, 4);
  fail(*backend, ExchangeResult::ok, 1);
  fail(*backend, ExchangeResult::server_error, 4);
  fail(*backend, ExchangeResult::client_left, 4);
  EXPECT_FALSE(backend->is_ejected());

  fail(*backend, ExchangeResult::timed_out, 1);
  EXPECT_TRUE(backend->is_ejected());
  EXPECT_EQ(backend->limit(), 0U);
  advance(milliseconds(4900));
  pool->tick(now);
  EXPECT_TRUE(backend->is_ejected());
  advance(milliseconds(100));
  pool->tick(now);
  EXPECT_FALSE(backend->is_ejected());
  EXPECT_EQ(backend->limit(), 4U);
}

TEST_F(BackendLife, AFailedConnectEjects) {
  make(plain(4), 4);
  const auto backend = pool->add_backend(name_of(0), 1, now);
  EXPECT_FALSE(backend->is_ejected());
  fail(*backend, ExchangeResult::connect_failed, 1);
  EXPECT_TRUE(backend->is_ejected());
}

TEST_F(BackendLife, EjectionsInARowDoubleUpToTheMost) {
  make(plain(4), 4);
  const auto backend = pool->add_backend(name_of(0), 1, now);
  for (const int expected : {5, 10, 20, 40, 60, 60}) {
    fail(*backend, ExchangeResult::broken, 5);
    ASSERT_TRUE(backend->is_ejected());
    advance(seconds(expected) - milliseconds(1));
    pool->tick(now);
    ASSERT_TRUE(backend->is_ejected()) << expected;
    advance(milliseconds(1));
    pool->tick(now);
    ASSERT_FALSE(backend->is_ejected()) << expected;
  }
  advance(seconds(61));
  fail(*backend, ExchangeResult::broken, 5);
  advance(seconds(5));
  pool->tick(now);
  EXPECT_FALSE(backend->is_ejected());
}

TEST_F(BackendLife, FailsOpenAboveTheShareAndNeverEmptiesAPool) {
  make(plain(4), 4);
  for (int i = 0; i < 4; ++i)
    fail(*pool->add_backend(name_of(i), 1, now), ExchangeResult::broken, 9);
  int ejected = 0;
  for (const auto& one : pool->backends(now)) ejected += one.ejected ? 1 : 0;
  EXPECT_EQ(ejected, 2);

  // The two that serve disappear: the ejected ones must take over.
  for (const auto& one : pool->backends(now)) {
    if (!one.ejected) pool->drain(one.address, now);
  }
  EXPECT_TRUE(take());

  make(plain(4), 1);
  fail(*pool->add_backend(name_of(0), 1, now), ExchangeResult::broken, 100);
  EXPECT_TRUE(take());
}

TEST_F(BackendLife, EndOfEjectionServesWaiters) {
  make(plain(1), 2);
  const auto backend = pool->add_backend(name_of(0), 1, now);
  fail(*backend, ExchangeResult::broken, 5);
  const Slot held = take();
  auto waiter = wait();

  advance(seconds(5));
  pool->tick(now);
  home.deliver_all();

  EXPECT_TRUE(waiter->slot);
}

TEST_F(BackendLife, PolicyMayChangeWhileServing) {
  make(plain(4), 40);
  const auto slots = take_many(10);
  for (const Policy policy : {Policy::random_two, Policy::round_robin, Policy::least_connections}) {
    PoolSettings settings = plain(4);
    settings.policy = policy;
    pool->apply(settings, now);
    EXPECT_EQ(pool->settings().policy, policy);
    EXPECT_TRUE(take());
  }
}

}  // namespace
}  // namespace flaskscale::balancer
