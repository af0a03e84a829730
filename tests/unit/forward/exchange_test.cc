#include "proxy/forward/exchange.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "tests/unit/admin/allocation_count.h"
#include "tests/unit/forward/test_backend.h"
#include "tests/unit/forward/worker_fixture.h"

namespace flaskscale::forward {
namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
constexpr std::string_view kPost =
    "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\nbody";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string unused_address() {
  const auto sockets = net::bind_listeners(*net::SocketAddress::from_endpoint({"127.0.0.1", 0}), 1);
  return net::local_address(sockets->front().get()).to_string();
}

// One slot at each backend; waits ten seconds at most.
class ExchangeTest : public WorkerFixture {
 protected:
  ExchangeTest() {
    settings_.slots = 1;
    settings_.queue_timeout = seconds(10);
  }
  uint64_t queued() const { return runtime_->pool.queued(); }
  bool has_status(Client& client, int status) {
    const std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
    return until([&] { return client.peer->written.starts_with(line); }) ||
           (ADD_FAILURE() << "written: " << written(client), false);
  }
  // As until(), with the pauses between retries cut short.
  template <typename Condition>
  bool after_pauses(Condition condition) {
    return until([&] {
      services_.check_timeouts(side_.loop().now() + Exchange::kRetryPause);
      return condition();
    });
  }
  bool has_status_after_pauses(Client& client, int status) {
    const std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
    return after_pauses([&] { return client.peer->written.starts_with(line); });
  }
  // A client whose request is at the backend, not answered.
  Client& begin(TestBackend& backend, std::string_view request = kGet) {
    backend.hold_answers();
    Client& client = connect();
    send(client, request);
    settle();
    EXPECT_TRUE(backend.has_received(request.substr(0, 4)));
    return client;
  }
};

// --- The queue

TEST_F(ExchangeTest, WaitsForASlotAndGetsIt) {
  TestBackend backend;
  add_backend(backend.address());
  Client& first = begin(backend);
  Client& second = connect();
  send(second, kGet);
  settle();
  EXPECT_EQ(queued(), 1U);

  backend.answer_with(std::string(kOk));
  backend.send(kOk);

  EXPECT_TRUE(until_written(first, "\r\n\r\nok"));
  EXPECT_TRUE(until_written(second, "\r\n\r\nok"));
  EXPECT_EQ(reason("ok"), 2U);
  EXPECT_EQ(backend.connections(), 1U);
}

TEST_F(ExchangeTest, FreesItsPlaceInTheQueueWhenTheClientLeaves) {
  TestBackend backend;
  add_backend(backend.address());
  Client& first = begin(backend);
  Client& ends = connect();
  Client& breaks = connect();
  send(ends, kGet);
  send(breaks, kGet);
  settle();
  ASSERT_EQ(queued(), 2U);

  side_.call([&] { ends.peer->ended = true; });
  EXPECT_TRUE(until_closed(ends));
  EXPECT_EQ(queued(), 1U);
  side_.call([&] { breaks.peer->read_error = ECONNRESET; });
  EXPECT_TRUE(until_closed(breaks));
  EXPECT_EQ(queued(), 0U);
  EXPECT_EQ(reason("client_left"), 2U);
  EXPECT_EQ(traffic().without_response, 2U);

  backend.send(kOk);
  EXPECT_TRUE(until_written(first, "\r\n\r\nok"));
}

TEST_F(ExchangeTest, IsRefusedWhenItHasWaitedTooLong) {
  TestBackend backend;
  add_backend(backend.address());
  begin(backend);
  Client& second = connect();
  send(second, kGet);
  settle();
  later(seconds(9));
  EXPECT_EQ(queued(), 1U);
  later(seconds(10));
  EXPECT_TRUE(has_status(second, 503));
  EXPECT_NE(written(second).find("Retry-After: "), std::string::npos);
  EXPECT_EQ(reason("waited_too_long"), 1U);
  EXPECT_EQ(queued(), 0U);
}

TEST_F(ExchangeTest, IsRefusedWhenTheQueueIsFull) {
  settings_.queue_limit = 1;
  side_.call([&] { runtime_->pool.apply(settings_, Clock::now()); });
  TestBackend backend;
  add_backend(backend.address());
  begin(backend);
  send(connect(), kGet);
  settle();
  Client& third = connect();
  send(third, kGet);
  EXPECT_TRUE(has_status(third, 503));
  EXPECT_EQ(reason("queue_full"), 1U);
}

TEST_F(ExchangeTest, IsRefusedWithoutAnyBackend) {
  Client& client = connect();
  send(client, kGet);
  EXPECT_TRUE(has_status(client, 503));
  EXPECT_EQ(reason("no_capacity"), 1U);
}

TEST_F(ExchangeTest, HoldsALargeBodyBackWhileItWaits) {
  TestBackend backend;
  add_backend(backend.address());
  Client& first = begin(backend);
  const std::string body(1U << 20U, 'b');
  Client& second = connect();
  send(second, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1048576\r\n\r\n" + body);
  settle();
  EXPECT_EQ(side_.call([&] { return second.peer->interest(); }), net::Interest::none);
  EXPECT_GT(side_.call([&] { return second.peer->incoming.size(); }), 700U << 10U);

  backend.answer_by([&](const std::string& received) {
    return received.ends_with(body) ? std::string(kOk) : std::string();
  });
  backend.send(kOk);
  EXPECT_TRUE(until_written(first, "\r\n\r\nok"));
  EXPECT_TRUE(until_written(second, "\r\n\r\nok"));
  EXPECT_TRUE(backend.received().ends_with(body));
}

TEST_F(ExchangeTest, KeepsItsFirstDeadlineWhenItWaitsAgain) {
  TestBackend backend;
  add_backend(backend.address());
  Client& retried = begin(backend);
  const Time sent = side_.call([&] { return side_.loop().now(); });
  Client& next = connect();
  send(next, kGet);
  settle();
  ASSERT_EQ(queued(), 1U);
  ASSERT_TRUE(until([&] { return side_.loop().now() > sent + milliseconds(50); }));

  backend.close_newest();  // the next in line gets the slot; the retry is at the head of the queue
  ASSERT_TRUE(until([&] { return backend.connections() == 2 && queued() == 1; }));

  side_.call([&] { services_.check_timeouts(sent + settings_.queue_timeout); });
  EXPECT_TRUE(has_status(retried, 503));
  EXPECT_EQ(reason("waited_too_long"), 1U);
}

// --- Backends that fail

TEST_F(ExchangeTest, TriesAnotherBackendWhenOneCannotBeReached) {
  TestBackend backend;
  backend.answer_with(std::string(kOk));
  add_backend(unused_address());
  add_backend(unused_address());
  add_backend(backend.address());
  for (int i = 0; i < 10; ++i) {
    Client& client = connect();
    send(client, i % 2 == 0 ? kGet : kPost);
    EXPECT_TRUE(after_pauses([&] { return client.peer->written.ends_with("\r\n\r\nok"); }));
  }
  EXPECT_EQ(reason("ok"), 10U);
}

TEST_F(ExchangeTest, Answers502WhenNoBackendCanBeReached) {
  add_backend(unused_address());
  Client& client = connect();
  send(client, kGet);
  EXPECT_TRUE(has_status_after_pauses(client, 502));
  EXPECT_EQ(reason("connect_failed"), 1U);
  EXPECT_EQ(traffic().retries, 3U);
}

TEST_F(ExchangeTest, OutlivesABackendThatTakesConnectionsWhileItDies) {
  TestBackend backend;
  backend.close_after_requests(3);
  add_backend(backend.address());
  Client& client = connect();
  send(client, kGet);
  ASSERT_TRUE(until([&] { return backend.connections() == 2; }));
  ASSERT_TRUE(after_pauses([&] { return backend.connections() == 4; }));
  backend.answer_with(std::string(kOk));
  backend.send(kOk);
  EXPECT_TRUE(until_written(client, "\r\n\r\nok"));
  EXPECT_EQ(traffic().retries, 3U);
}

TEST_F(ExchangeTest, Answers502WhenTheBackendsNameIsUnknown) {
  add_backend("app.internal:8000");
  Client& client = connect();
  send(client, kGet);
  EXPECT_TRUE(has_status_after_pauses(client, 502));
  EXPECT_EQ(reason("connect_failed"), 1U);
}

TEST_F(ExchangeTest, TriesAnIdempotentRequestAgainAndNoOther) {
  TestBackend backend;
  add_backend(backend.address());
  Client& get = begin(backend);
  backend.close_newest();
  ASSERT_TRUE(until([&] {
    const std::string all = backend.received();
    return all.find("GET / ") != all.rfind("GET / ");
  }));
  backend.send(kOk);
  EXPECT_TRUE(until_written(get, "\r\n\r\nok"));
  EXPECT_EQ(traffic().retries, 1U);

  Client& post = begin(backend, kPost);
  ASSERT_TRUE(backend.has_received("body"));
  backend.close_newest();
  EXPECT_TRUE(has_status(post, 502));
  EXPECT_EQ(reason("backend_closed"), 1U);
}

TEST_F(ExchangeTest, Answers502ToAResponseThatIsNone) {
  TestBackend backend;
  backend.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
  add_backend(backend.address());
  Client& client = connect();
  send(client, kGet);
  EXPECT_TRUE(has_status(client, 502));
  EXPECT_EQ(reason("bad_response"), 1U);
  EXPECT_TRUE(backend.newest_is_closed_by_peer());
}

TEST_F(ExchangeTest, CutsTheClientOffWhenTheResponseBreaksOff) {
  TestBackend backend;
  add_backend(backend.address());
  Client& client = begin(backend);
  backend.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_TRUE(until_written(client, "half"));
  backend.close_newest();
  EXPECT_TRUE(until_closed(client));
  EXPECT_TRUE(client.peer->aborted);
  EXPECT_EQ(traffic().aborted, 1U);
  EXPECT_EQ(reason("backend_closed"), 1U);
}

TEST_F(ExchangeTest, Answers504WhenTheBackendIsTooSlow) {
  TestBackend backend;
  add_backend(backend.address());
  Client& client = begin(backend);
  later(seconds(59));
  EXPECT_EQ(written(client), "");
  later(seconds(60));
  EXPECT_TRUE(has_status(client, 504));
  EXPECT_EQ(reason("response_timeout"), 1U);
  EXPECT_TRUE(backend.newest_is_closed_by_peer());
}

TEST_F(ExchangeTest, PassesAnAnswerOnThatCameBeforeTheBackendClosed) {
  TestBackend backend;
  add_backend(backend.address());
  Client& client = begin(backend);
  backend.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  backend.close_newest();
  EXPECT_TRUE(until_written(client, "d\r\nuntil the end\r\n0\r\n\r\n"));
  EXPECT_EQ(reason("ok"), 1U);
}

// --- Backend connections

TEST_F(ExchangeTest, UsesNoIdleConnectionThatItsPeerHasClosed) {
  TestBackend backend;
  backend.answer_with(std::string(kOk));
  add_backend(backend.address());
  for (size_t i = 1; i <= 3; ++i) {
    Client& client = connect();
    send(client, kPost);
    ASSERT_TRUE(until_written(client, "\r\n\r\nok"));
    backend.close_newest();
    EXPECT_EQ(backend.connections(), i);
  }
  EXPECT_EQ(reason("ok"), 3U);
}

TEST_F(ExchangeTest, ClosesIdleConnectionsInTime) {
  TestBackend backend;
  backend.answer_with(std::string(kOk));
  add_backend(backend.address());
  Client& client = connect();
  send(client, kGet);
  ASSERT_TRUE(until_written(client, "\r\n\r\nok"));
  later(seconds(61));
  EXPECT_TRUE(backend.newest_is_closed_by_peer());
}

TEST_F(ExchangeTest, DropsAnIdleConnectionThatSpeaksUnasked) {
  TestBackend backend;
  backend.answer_with(std::string(kOk));
  add_backend(backend.address());
  Client& client = connect();
  send(client, kGet);
  ASSERT_TRUE(until_written(client, "\r\n\r\nok"));
  backend.send(kOk);
  EXPECT_TRUE(backend.newest_is_closed_by_peer());
  send(client, kGet);
  EXPECT_TRUE(until([&] { return backend.connections() == 2; }));
  EXPECT_TRUE(until([&] { return reason("ok") == 2; }));
}

TEST_F(ExchangeTest, CarriesATunnelAfterASwitchOfProtocols) {
  TestBackend backend;
  backend.hold_answers();
  add_backend(backend.address());
  Client& client = connect();
  send(client,
       "GET /ws HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "\r\n");
  settle();
  ASSERT_TRUE(backend.has_received("GET /ws"));
  backend.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
  ASSERT_TRUE(until_written(client, "\r\n\r\nhi"));
  send(client, "from the client");
  settle();
  EXPECT_TRUE(backend.has_received("from the client"));
  backend.send(" from the backend");
  EXPECT_TRUE(until_written(client, "hi from the backend"));
  side_.call([&] { client.peer->ended = true; });
  settle();
  backend.close_newest();
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(traffic().responses(1), 1U);
}

TEST_F(ExchangeTest, EndsATunnelWhoseClientHadClosedBeforeTheSwitch) {
  TestBackend backend;
  add_backend(backend.address());
  Client& client = begin(backend,
                         "GET /ws HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\nearly");
  side_.call([&] { client.peer->ended = true; });
  settle();
  backend.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(until([&] { return client.peer->written.ends_with("\r\n\r\n"); }));
  EXPECT_TRUE(backend.has_received("early"));
  EXPECT_TRUE(backend.newest_is_closed_by_peer());
  EXPECT_TRUE(until_closed(client));
}

TEST_F(ExchangeTest, IsNotTriedAgainForAClientThatSendsNoMore) {
  TestBackend backend;
  add_backend(backend.address());
  Client& client = begin(backend);
  side_.call([&] { client.peer->ended = true; });
  settle();
  backend.close_newest();
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(reason("client_left"), 1U);
  EXPECT_EQ(backend.connections(), 1U);
}

TEST_F(ExchangeTest, AllocatesNothingInTheSteadyState) {
  TestBackend backend;
  backend.answer_with(std::string(kOk));
  add_backend(backend.address());
  Client& client = connect();
  side_.call([&] {
    client.peer->written.reserve(1U << 16U);
    client.peer->incoming.reserve(1U << 10U);
  });
  const auto serve = [&](uint64_t until_ok) {
    side_.call([&] { client.peer->incoming.append(kGet); });
    return side_.eventually([&] {
      client.peer->poll(*client.connection);
      return services_.current().uses == 0 && client.peer->written.ends_with("ok") &&
             client.peer->writes == until_ok;
    });
  };
  for (uint64_t i = 1; i <= 20; ++i) ASSERT_TRUE(serve(i));
  const uint64_t before = side_.call([] { return allocations_of_this_thread(); });
  for (uint64_t i = 21; i <= 70; ++i) ASSERT_TRUE(serve(i));
  const uint64_t after = side_.call([] { return allocations_of_this_thread(); });
  EXPECT_EQ(before > 0, counts_allocations());
  EXPECT_EQ(after - before, 0U);
}

}  // namespace
}  // namespace flaskscale::forward
