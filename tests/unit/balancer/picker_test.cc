#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "balancer/load_block.h"
#include "tests/unit/balancer/pool_fixture.h"

namespace flaskscale::balancer {
namespace {

using Picker = PoolFixture;

std::map<std::string, int> count_by_address(const std::vector<Slot>& slots) {
  std::map<std::string, int> counts;
  for (const Slot& slot : slots) ++counts[slot.backend().address()];
  return counts;
}

TEST_F(Picker, SlotIsSmall) { EXPECT_LE(sizeof(Slot), 40U); }

TEST_F(Picker, TakesTheLeastLoadedExactlyInPoolsOfEverySize) {
  for (const int backends : {1, 3, 10, 32, 33, 100, 300}) {
    make(plain(1000), backends);
    std::vector<Slot> slots;
    Random random(7);
    for (int i = 0; i < backends * 30; ++i) {
      if (!slots.empty() && random.below(3) == 0) {
        std::swap(slots[random.below(static_cast<uint32_t>(slots.size()))], slots.back());
        slots.back().finish(now);
        slots.pop_back();
      }
      uint32_t least = kUnlimitedSlots;
      for (const auto& one : pool->backends(now)) least = std::min(least, one.in_flight);
      slots.push_back(take());
      ASSERT_EQ(slots.back().backend().in_flight(), least + 1)
          << backends << " backends, pick " << i;
    }
  }
}

TEST_F(Picker, WeighsTheLoad) {
  make(plain(kUnlimitedSlots), 0);
  add_up("a", 1);
  add_up("b", 3);

  const auto counts = count_by_address(take_many(400));

  EXPECT_EQ(counts.at("a"), 100);
  EXPECT_EQ(counts.at("b"), 300);
}

TEST_F(Picker, WeighsTheLoadAcrossBlocks) {
  make(plain(kUnlimitedSlots), 0);
  for (int i = 0; i < 80; ++i) add_up(name_of(i), i < 40 ? 1 : 2);

  const auto counts = count_by_address(take_many(1200));

  for (int i = 0; i < 80; ++i) EXPECT_EQ(counts.at(name_of(i)), i < 40 ? 10 : 20);
}

TEST_F(Picker, BreaksTiesAtRandom) {
  for (const int backends : {4, 33, 80}) {
    make(plain(8), backends);
    std::map<std::string, int> counts;
    for (int i = 0; i < backends * 200; ++i) ++counts[take().backend().address()];
    ASSERT_EQ(counts.size(), static_cast<size_t>(backends));
    for (const auto& [address, count] : counts) {
      EXPECT_GT(count, 120) << address << " of " << backends;
      EXPECT_LT(count, 290) << address << " of " << backends;
    }
  }
}

TEST_F(Picker, NeverExceedsSlots) {
  for (const Policy policy : {Policy::least_connections, Policy::round_robin, Policy::random_two}) {
    PoolSettings settings = plain(2);
    settings.policy = policy;
    make(settings, 70);
    const auto slots = take_many(140);
    for (const Slot& slot : slots) ASSERT_TRUE(slot);
    EXPECT_FALSE(take());
    for (const auto& one : pool->backends(now)) EXPECT_EQ(one.in_flight, 2U);
  }
}

TEST_F(Picker, RoundRobinTakesTurns) {
  PoolSettings settings = plain(kUnlimitedSlots);
  settings.policy = Policy::round_robin;
  make(settings, 5);

  std::vector<std::string> order;
  for (int i = 0; i < 10; ++i) order.push_back(take().backend().address());

  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(order[i], order[i + 5]);
  std::sort(order.begin(), order.begin() + 5);
  EXPECT_EQ(std::unique(order.begin(), order.begin() + 5), order.begin() + 5);
}

TEST_F(Picker, RoundRobinMixesWeightsSmoothly) {
  PoolSettings settings = plain(kUnlimitedSlots);
  settings.policy = Policy::round_robin;
  make(settings, 0);
  add_up("a", 3);
  add_up("b", 1);

  std::string order;
  for (int i = 0; i < 8; ++i) order += take().backend().address();

  EXPECT_EQ(std::count(order.begin(), order.end(), 'a'), 6);
  EXPECT_EQ(order.find("bb"), std::string::npos);
  EXPECT_EQ(order.find("aaaa"), std::string::npos);
}

TEST_F(Picker, RoundRobinPassesOverTheFull) {
  PoolSettings settings = plain(1);
  settings.policy = Policy::round_robin;
  make(settings, 3);
  auto slots = take_many(3);
  const std::string freed = slots[1].backend().address();

  slots[1].finish(now);

  EXPECT_EQ(take().backend().address(), freed);
}

TEST_F(Picker, RandomTwoStaysCloseToEven) {
  PoolSettings settings = plain(kUnlimitedSlots);
  settings.policy = Policy::random_two;
  make(settings, 20);

  const auto counts = count_by_address(take_many(2000));

  for (const auto& [address, count] : counts) EXPECT_NEAR(count, 100, 15) << address;
}

TEST_F(Picker, AvoidsTheBackendThatFailedIfAnotherHasASlot) {
  make(plain(1), 2);
  Slot first = take();
  const uint64_t failed = first.backend().id();
  first.finish(now);

  AcquireRequest retry = request();
  retry.first_enqueued = now;
  retry.avoid_backend = failed;
  auto other = wait(retry);
  auto same = wait(retry);

  EXPECT_NE(other->slot.backend().id(), failed);
  EXPECT_EQ(same->slot.backend().id(), failed);
}

TEST(LoadBlock, RefusesToRaiseABoundThatChangedSinceItWasRead) {
  LoadBlock block;
  block.keep_lower_bound();
  Backend backend(1, "a", 1);
  block.occupy(0, &backend, 1, 1);
  block.set_limit(0, 2);
  ASSERT_TRUE(block.try_take(0));
  ASSERT_TRUE(block.try_take(0));
  const auto seen = block.lower_bound();
  const auto scan = block.scan();
  ASSERT_EQ(scan.mask, 0U);

  block.release(0);
  block.raise_lower_bound(seen, scan.least);

  EXPECT_LE(block.lower_bound().key(), block.key(0));
  block.release(0);
}

}  // namespace
}  // namespace flaskscale::balancer
