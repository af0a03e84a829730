// Consistent hashing and sticky sessions: wishes that never cost a request its place.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/keyed_hash.h"
#include "tests/unit/balancer/pool_fixture.h"

namespace flaskscale::balancer {
namespace {

constexpr HashKey kKey = {11, 22};

class Affinity : public PoolFixture {
 protected:
  static PoolSettings hashing(uint32_t slots) {
    PoolSettings settings = plain(slots);
    settings.policy = Policy::consistent_hash;
    return settings;
  }
  static PoolSettings sticky(uint32_t slots) {
    PoolSettings settings = plain(slots);
    settings.sticky_key = kKey;
    return settings;
  }
  AcquireRequest hashed(uint64_t key) const {
    AcquireRequest asked = request();
    asked.hash = mix_bits(key);
    return asked;
  }
  AcquireRequest wishing(const std::string& address) const {
    AcquireRequest asked = request();
    asked.sticky = keyed_hash(kKey, address);
    return asked;
  }
  // Where a request goes that ends at once.
  std::string place_of(const AcquireRequest& asked) {
    Slot slot = std::move(pool->acquire(*view, asked, unused, home).slot);
    const std::string address = slot.backend().address();
    slot.finish(now);
    return address;
  }
  std::map<uint64_t, std::string> places(uint64_t keys) {
    std::map<uint64_t, std::string> found;
    for (uint64_t key = 0; key < keys; ++key) found[key] = place_of(hashed(key));
    return found;
  }
};

TEST_F(Affinity, HashPutsAKeyAtTheSameBackend) {
  make(hashing(kUnlimitedSlots), 10);
  const auto before = places(500);

  EXPECT_EQ(places(500), before);
  std::map<std::string, int> counts;
  for (const auto& [key, address] : before) ++counts[address];
  EXPECT_EQ(counts.size(), 10U);
  for (const auto& [address, count] : counts) EXPECT_NEAR(count, 50, 35) << address;
}

TEST_F(Affinity, HashMovesOnlyTheKeysOfABackendThatLeaves) {
  make(hashing(kUnlimitedSlots), 10);
  const auto before = places(500);

  pool->remove_backend(name_of(3), now);

  for (const auto& [key, address] : places(500)) {
    if (before.at(key) != name_of(3)) {
      EXPECT_EQ(address, before.at(key));
    }
    EXPECT_NE(address, name_of(3));
  }
}

TEST_F(Affinity, HashFollowsWeights) {
  make(hashing(kUnlimitedSlots), 0);
  add_up("a", 3);
  add_up("b", 1);
  int heavy = 0;
  for (const auto& [key, address] : places(1000)) heavy += address == "a" ? 1 : 0;
  EXPECT_NEAR(heavy, 750, 100);
}

TEST_F(Affinity, HashBoundsTheLoadOfAKeyThatAllAskFor) {
  make(hashing(kUnlimitedSlots), 10);
  std::vector<Slot> slots;
  for (int i = 0; i < 1000; ++i) {
    slots.push_back(std::move(pool->acquire(*view, hashed(7), unused, home).slot));
  }

  std::map<std::string, int> counts;
  for (const Slot& slot : slots) ++counts[slot.backend().address()];
  for (const auto& [address, count] : counts) {
    EXPECT_LE(count, 126) << address;  // 1.25 times a tenth of 1000, and the one that came
  }
}

TEST_F(Affinity, HashNeverWaitsWhileAnotherHasASlot) {
  make(hashing(1), 3);
  std::vector<Slot> slots;
  for (int i = 0; i < 3; ++i) {
    slots.push_back(std::move(pool->acquire(*view, hashed(7), unused, home).slot));
    EXPECT_TRUE(slots.back());
  }
  const auto waiter = wait(hashed(7));
  EXPECT_FALSE(waiter->slot);

  slots[2].finish(now);
  home.deliver_all();

  EXPECT_TRUE(waiter->slot);
  EXPECT_EQ(pool->idle_slot_while_queued_seconds(), 0);
}

TEST_F(Affinity, StickyGoesBackToItsBackend) {
  make(sticky(4), 5);
  for (int i = 0; i < 4; ++i) {
    auto waiter = wait(wishing(name_of(2)));
    EXPECT_EQ(waiter->slot.backend().address(), name_of(2));
    unused.slot = Slot();
  }
}

TEST_F(Affinity, StickyTakesAnotherWhileItsBackendIsFull) {
  make(sticky(1), 2);
  auto first = wait(wishing(name_of(0)));
  auto second = wait(wishing(name_of(0)));
  auto third = wait(wishing(name_of(0)));
  EXPECT_EQ(first->slot.backend().address(), name_of(0));
  EXPECT_EQ(second->slot.backend().address(), name_of(1));
  EXPECT_TRUE(third->ticket);
  EXPECT_TRUE(pool->may_pick_sticky(*view, keyed_hash(kKey, name_of(0))));

  second->slot.finish(now);
  home.deliver_all();
  EXPECT_EQ(third->slot.backend().address(), name_of(1));
}

TEST_F(Affinity, StickyForgetsABackendThatDrains) {
  make(sticky(4), 2);
  EXPECT_TRUE(pool->may_pick_sticky(*view, keyed_hash(kKey, name_of(0))));
  pool->drain(name_of(0), now);
  EXPECT_FALSE(pool->may_pick_sticky(*view, keyed_hash(kKey, name_of(0))));
  EXPECT_EQ(place_of(wishing(name_of(0))), name_of(1));
  EXPECT_EQ(place_of(request()), name_of(1));
}

TEST_F(Affinity, ARetryAvoidsTheStickyBackendThatFailed) {
  make(sticky(4), 2);
  AcquireRequest retry = wishing(name_of(0));
  retry.first_enqueued = now;
  retry.avoid_backend = status(name_of(0)).id;
  EXPECT_EQ(place_of(retry), name_of(1));
}

// The reference value of the function's authors.
TEST(KeyedHash, IsSipHash24) {
  std::string bytes;
  for (char c = 0; c < 15; ++c) bytes.push_back(c);
  EXPECT_EQ(keyed_hash({0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL}, bytes),
            0xa129ca6149be45e5ULL);
}

}  // namespace
}  // namespace flaskscale::balancer
