// The small parts: Outgoing, BufferPool, AddressBook, WorkerServices.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "proxy/forward/address_book.h"
#include "proxy/forward/buffer_pool.h"
#include "proxy/forward/outgoing.h"
#include "tests/support/memory_transport.h"
#include "tests/unit/forward/worker_fixture.h"

namespace flaskscale::forward {
namespace {

class OutgoingTest : public testing::Test {
 protected:
  std::shared_ptr<MemoryPeer> peer = std::make_shared<MemoryPeer>();
  MemoryTransport transport{peer};
  BufferPool buffers;
  Outgoing outgoing{buffers};
};

TEST_F(OutgoingTest, SendsAllAtOnceAndHoldsNothing) {
  EXPECT_EQ(outgoing.send(transport, "hello"), SendState::sent);
  EXPECT_TRUE(outgoing.empty());
  EXPECT_EQ(outgoing.held_bytes(), 0U);
  EXPECT_EQ(peer->written, "hello");
}

TEST_F(OutgoingTest, SendsSeveralPartsInOneWrite) {
  const std::array<std::string_view, 3> parts{"head ", "", "body"};
  EXPECT_EQ(outgoing.send(transport, parts), SendState::sent);
  EXPECT_EQ(peer->written, "head body");
  EXPECT_EQ(peer->writes, 1U);
  EXPECT_EQ(peer->most_parts, 3U);
}

TEST_F(OutgoingTest, HoldsWhatThePipeDoesNotTakeWhereverItIsCut) {
  const std::array<std::string_view, 3> parts{"abc", "def", "ghi"};
  for (size_t room = 0; room < 9; ++room) {
    peer->written.clear();
    peer->room = room;
    EXPECT_EQ(outgoing.send(transport, parts), SendState::blocked);
    EXPECT_EQ(outgoing.held_bytes(), 9 - room);
    peer->room = MemoryPeer::kUnlimited;
    EXPECT_EQ(outgoing.flush(transport), SendState::sent);
    EXPECT_TRUE(outgoing.empty());
    EXPECT_EQ(peer->written, "abcdefghi") << "cut at " << room;
  }
}

TEST_F(OutgoingTest, FlushesInStepsAndKeepsTheOrderOfWhatIsAdded) {
  peer->room = 0;
  EXPECT_EQ(outgoing.send(transport, "one "), SendState::blocked);
  EXPECT_EQ(outgoing.send(transport, "two "), SendState::blocked);
  EXPECT_EQ(outgoing.flush(transport), SendState::blocked);
  peer->room = 3;
  EXPECT_EQ(outgoing.flush(transport), SendState::blocked);
  EXPECT_EQ(outgoing.held_bytes(), 5U);
  peer->room = MemoryPeer::kUnlimited;
  // Room is there, but what is held goes first.
  EXPECT_EQ(outgoing.send(transport, "three"), SendState::blocked);
  EXPECT_EQ(outgoing.flush(transport), SendState::sent);
  EXPECT_EQ(peer->written, "one two three");
}

TEST_F(OutgoingTest, SendingNothingTellsWhetherSomethingIsHeld) {
  EXPECT_EQ(outgoing.send(transport, ""), SendState::sent);
  peer->room = 0;
  EXPECT_EQ(outgoing.send(transport, "x"), SendState::blocked);
  EXPECT_EQ(outgoing.send(transport, ""), SendState::blocked);
}

TEST_F(OutgoingTest, TellsOfAFailureAtOnceAndWhileFlushing) {
  peer->room = 0;
  EXPECT_EQ(outgoing.send(transport, "x"), SendState::blocked);
  peer->write_error = EPIPE;
  EXPECT_EQ(outgoing.flush(transport), SendState::failed);
  outgoing.drop();
  EXPECT_EQ(outgoing.send(transport, "x"), SendState::failed);
  EXPECT_TRUE(outgoing.empty());
}

TEST_F(OutgoingTest, ForgetsWhatIsDropped) {
  peer->room = 0;
  EXPECT_EQ(outgoing.send(transport, "never"), SendState::blocked);
  outgoing.drop();
  EXPECT_TRUE(outgoing.empty());
  peer->room = MemoryPeer::kUnlimited;
  EXPECT_EQ(outgoing.flush(transport), SendState::sent);
  EXPECT_EQ(outgoing.send(transport, "new"), SendState::sent);
  EXPECT_EQ(peer->written, "new");
}

TEST(BufferPool, GivesBackEmptyBuffersWithTheirMemory) {
  BufferPool pool;
  auto buffer = pool.take();
  buffer->assign(5000, 'x');
  const void* memory = buffer->data();
  pool.give(std::move(buffer));
  pool.give(nullptr);

  const auto again = pool.take();
  EXPECT_TRUE(again->empty());
  EXPECT_GE(again->capacity(), 5000U);
  EXPECT_EQ(again->data(), memory);
}

TEST(BufferPool, KeepsNeitherHugeBuffersNorMoreThanAFew) {
  BufferPool pool;
  auto huge = pool.take();
  huge->reserve(1U << 20U);
  pool.give(std::move(huge));
  EXPECT_LT(pool.take()->capacity(), 1U << 20U);

  std::vector<std::unique_ptr<std::string>> many;
  for (int i = 0; i < 100; ++i) many.push_back(std::make_unique<std::string>(1000, 'x'));
  for (auto& buffer : many) pool.give(std::move(buffer));
  size_t kept = 0;
  while (pool.take()->capacity() >= 1000) ++kept;
  EXPECT_EQ(kept, 32U);
}

TEST(AddressBook, KnowsNumericAddressesByItself) {
  const AddressBook book;
  EXPECT_EQ(book.find("10.0.0.5:8000")->to_string(), "10.0.0.5:8000");
  EXPECT_EQ(book.find("[::1]:80")->to_string(), "[::1]:80");
  EXPECT_EQ(book.find("no port").error().code, ErrorCode::invalid_argument);
}

TEST(AddressBook, TakesTurnsOverTheAddressesOfANameItHasLearned) {
  AddressBook book;
  const auto unknown = book.find("app.internal:8000");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::resolve_failed);
  EXPECT_NE(unknown.error().detail.find("app.internal"), std::string::npos);

  book.learn("app.internal:8000", {*net::SocketAddress::from_endpoint({"10.0.0.1", 8000}),
                                   *net::SocketAddress::from_endpoint({"10.0.0.2", 8000})});
  std::multiset<std::string> found;
  for (int i = 0; i < 4; ++i) found.insert(book.find("app.internal:8000")->to_string());
  EXPECT_EQ(found.count("10.0.0.1:8000"), 2U);
  EXPECT_EQ(found.count("10.0.0.2:8000"), 2U);
  EXPECT_FALSE(book.find("app.internal:8001"));

  book.learn("app.internal:8000", {*net::SocketAddress::from_endpoint({"10.0.0.3", 8000})});
  EXPECT_EQ(book.find("app.internal:8000")->to_string(), "10.0.0.3:8000");
  book.learn("app.internal:8000", {});
  EXPECT_FALSE(book.find("app.internal:8000"));
  book.forget("app.internal:8000");
  EXPECT_FALSE(book.find("app.internal:8000"));
}

class WorkerServicesTest : public WorkerFixture {};

TEST_F(WorkerServicesTest, MakesRequestIdsOf32HexadecimalDigitsEachOnce) {
  side_.call([&] {
    std::set<std::string> ids;
    for (int i = 0; i < 1000; ++i) {
      const std::string id(services_.new_request_id());
      EXPECT_EQ(id.size(), 32U);
      EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
      ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 1000U);
  });
}

TEST_F(WorkerServicesTest, WritesTheDateOfNow) {
  const std::string date = side_.call([&] { return std::string(services_.http_date()); });
  ASSERT_EQ(date.size(), 29U) << date;
  std::tm read{};
  const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &read);
  ASSERT_TRUE(end != nullptr && *end == '\0') << date;
  EXPECT_LE(std::abs(std::time(nullptr) - ::timegm(&read)), 10);
}

TEST_F(WorkerServicesTest, ReusesAnExchangeOnlyAfterTheTurn) {
  Exchange* first = nullptr;
  side_.call([&] {
    first = services_.take_exchange();
    services_.give_exchange(first);
    Exchange* const second = services_.take_exchange();
    EXPECT_NE(second, first);
    services_.give_exchange(second);
  });
  side_.call([&] {
    Exchange* const one = services_.take_exchange();
    Exchange* const two = services_.take_exchange();
    EXPECT_TRUE(one == first || two == first);
    services_.give_exchange(one);
    services_.give_exchange(two);
  });
}

TEST_F(WorkerServicesTest, KeepsThePoolsItSharesWithTheLastSnapshot) {
  side_.call([&] {
    LocalPool* const pool = services_.current().pools[0];
    auto next = make_snapshot();
    next->pools[0].keepalive_idle = seconds(7);
    services_.adopt(next);
    EXPECT_EQ(services_.current().pools[0], pool);
    EXPECT_EQ(pool->keepalive_idle, seconds(7));
    EXPECT_EQ(services_.snapshot().generation, 2U);
  });
}

TEST_F(WorkerServicesTest, DropsOldSnapshotsAndPoolsOnlyWhenNobodyUsesThem) {
  std::weak_ptr<const Snapshot> old;
  std::weak_ptr<PoolRuntime> old_pool;
  side_.call([&] {
    auto retiring = std::make_shared<PoolRuntime>("old", settings_, uint16_t{1});
    auto second = make_snapshot();
    second->pools.push_back({retiring, seconds(1)});
    services_.adopt(second);
    old = second;
    old_pool = retiring;
  });
  LocalSnapshot* used = nullptr;
  side_.call([&] {
    used = &services_.current();
    ++used->uses;  // an exchange began under it
    services_.adopt(make_snapshot());
    services_.check_timeouts(Clock::now());
  });
  EXPECT_FALSE(old.expired());
  EXPECT_FALSE(old_pool.expired());

  side_.call([&] {
    --used->uses;
    services_.check_timeouts(Clock::now());
  });
  EXPECT_TRUE(old.expired());
  EXPECT_TRUE(old_pool.expired());
}

}  // namespace
}  // namespace flaskscale::forward
