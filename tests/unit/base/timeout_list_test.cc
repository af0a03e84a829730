#include "base/timeout_list.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace flaskscale {
namespace {

using namespace std::chrono_literals;

struct Owner {
  TimeoutEntry entry;
};

const Time kStart = Time() + 1h;

TEST(TimeoutList, GivesTheOldestFirst) {
  TimeoutList list;
  Owner first;
  Owner second;
  list.restart(first.entry, &first, kStart);
  list.restart(second.entry, &second, kStart + 1s);

  EXPECT_EQ(list.take_expired(kStart + 9s, 10s), nullptr);
  EXPECT_EQ(list.take_expired(kStart + 20s, 10s), &first);
  EXPECT_EQ(list.take_expired(kStart + 20s, 10s), &second);
  EXPECT_EQ(list.take_expired(kStart + 20s, 10s), nullptr);
  EXPECT_TRUE(list.empty());
}

TEST(TimeoutList, ExpiresExactlyAtTheLimit) {
  TimeoutList list;
  Owner owner;
  list.restart(owner.entry, &owner, kStart);

  EXPECT_EQ(list.take_expired(kStart + 10s - 1ns, 10s), nullptr);
  EXPECT_EQ(list.take_expired(kStart + 10s, 10s), &owner);
  EXPECT_FALSE(owner.entry.is_armed());
}

TEST(TimeoutList, RestartMovesAnEntryToTheEnd) {
  TimeoutList list;
  Owner first;
  Owner second;
  list.restart(first.entry, &first, kStart);
  list.restart(second.entry, &second, kStart + 1s);

  list.restart(first.entry, &first, kStart + 2s);

  EXPECT_EQ(list.take_expired(kStart + 11s, 10s), &second);
  EXPECT_EQ(list.take_expired(kStart + 11s, 10s), nullptr);
}

TEST(TimeoutList, ForgetsACancelledEntry) {
  TimeoutList list;
  Owner owner;
  list.restart(owner.entry, &owner, kStart);

  owner.entry.cancel();
  owner.entry.cancel();

  EXPECT_FALSE(owner.entry.is_armed());
  EXPECT_EQ(list.take_expired(kStart + 1h, 10s), nullptr);
}

TEST(TimeoutList, ForgetsADestroyedEntry) {
  TimeoutList list;
  auto owner = std::make_unique<Owner>();
  list.restart(owner->entry, owner.get(), kStart);

  owner.reset();

  EXPECT_TRUE(list.empty());
}

TEST(TimeoutList, DisarmsItsEntriesWhenDestroyed) {
  Owner owner;
  {
    TimeoutList list;
    list.restart(owner.entry, &owner, kStart);
  }
  EXPECT_FALSE(owner.entry.is_armed());
}

TEST(TimeoutList, MovesAnEntryBetweenLists) {
  TimeoutList idle;
  TimeoutList busy;
  Owner owner;
  idle.restart(owner.entry, &owner, kStart);

  busy.restart(owner.entry, &owner, kStart);

  EXPECT_TRUE(idle.empty());
  EXPECT_EQ(busy.take_expired(kStart + 1s, 1s), &owner);
}

TEST(TimeoutList, AllowsChangesWhileExpiring) {
  TimeoutList list;
  std::vector<Owner> owners(3);
  for (Owner& owner : owners) list.restart(owner.entry, &owner, kStart);

  EXPECT_EQ(list.take_expired(kStart + 1s, 1s), &owners[0]);
  owners[1].entry.cancel();
  list.restart(owners[0].entry, &owners[0], kStart + 1s);

  EXPECT_EQ(list.take_expired(kStart + 1s, 1s), &owners[2]);
  EXPECT_EQ(list.take_expired(kStart + 1s, 1s), nullptr);
  EXPECT_FALSE(list.empty());
}

}  // namespace
}  // namespace flaskscale
