#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/forward/exchange.h"
#include "tests/unit/forward/test_http2_backend.h"
#include "tests/unit/forward/worker_fixture.h"

namespace flaskscale::forward {
namespace {

namespace h2 = http2;

constexpr std::string_view kAsk = "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n";
constexpr std::string_view kPostFour =
    "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\nbody";
constexpr std::string_view kPostChunked =
    "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr uint32_t kInternalError = 2;
constexpr uint32_t kRefusedStream = 7;
constexpr uint32_t kCancel = 8;

// Clients in memory speak HTTP/1.1, the backend HTTP/2 over a real socket.
class Http2BackendTest : public WorkerFixture {
 protected:
  Http2BackendTest() {
    traits_.h2c = true;
    settings_.slots = 100;
  }
  void SetUp() override {
    WorkerFixture::SetUp();
    add_backend(backend_.address());
  }
  Client& ask(std::string_view request = kAsk) {
    Client& client = connect();
    send(client, request);
    return client;
  }
  // As many requests as this have come over that connection.
  bool until_asked(size_t requests, size_t connection = 0) {
    return until([&] {
      const auto all = backend_.frames(connection);
      return static_cast<size_t>(std::ranges::count(all, h2::kHeaders, &h2::Frame::kind)) >=
             requests;
    });
  }
  bool until_ended(uint32_t stream, size_t connection = 0) {
    return until([&] { return backend_.has_ended(connection, stream); });
  }
  bool until_frame(uint8_t kind, uint32_t stream, size_t connection = 0) {
    return until([&] { return backend_.count(connection, kind, stream) > 0; });
  }
  bool has_status(Client& client, int status) {
    const std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
    return until([&] { return client.peer->written.starts_with(line); }) ||
           (ADD_FAILURE() << "written: " << written(client), false);
  }
  bool until_free() {
    return until([&] { return runtime_->pool.backends(Clock::now()).at(0).in_flight == 0; });
  }
  uint32_t error_of(uint8_t kind, uint32_t stream, size_t connection = 0) {
    for (const auto& frame : backend_.frames(connection)) {
      if (frame.kind == kind && frame.stream == stream) return frame.error();
    }
    return ~0U;
  }

  TestHttp2Backend backend_;
};

TEST_F(Http2BackendTest, SharesOneConnection) {
  Client& first = ask();
  Client& second = ask();
  ASSERT_TRUE(until_ended(1) && until_ended(3));
  backend_.send(0, TestHttp2Backend::ok(3, "second"));
  ASSERT_TRUE(until_written(second, "6\r\nsecond\r\n0\r\n\r\n"));
  backend_.send(0, TestHttp2Backend::ok(1, "first"));
  ASSERT_TRUE(until_written(first, "5\r\nfirst\r\n0\r\n\r\n"));
  EXPECT_NE(written(first).find("Via: 2.0 flaskscale\r\n"), std::string::npos);
  EXPECT_EQ(backend_.connections(), 1U);
}

TEST_F(Http2BackendTest, PassesLengthsAndTrailers) {
  Client& sized = ask();
  ASSERT_TRUE(until_ended(1));
  backend_.send(0, h2::headers(1, {{":status", "200"}, {"content-length", "2"}}, false) +
                       h2::data(1, "ok", true));
  ASSERT_TRUE(until_written(sized, "\r\n\r\nok"));
  EXPECT_NE(written(sized).find("Content-Length: 2\r\n"), std::string::npos);

  Client& trailed = ask();
  ASSERT_TRUE(until_ended(3));
  backend_.send(0, h2::headers(3, {{":status", "200"}, {"trailer", "grpc-status"}}, false) +
                       h2::data(3, "ok") + h2::headers(3, {{"grpc-status", "0"}}));
  ASSERT_TRUE(until_written(trailed, "2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n"));
}

TEST_F(Http2BackendTest, KnowsResponsesWithoutContent) {
  Client& head = ask("HEAD / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  ASSERT_TRUE(until_ended(1));
  backend_.send(0, h2::headers(1, {{":status", "200"}, {"content-length", "5"}}));
  ASSERT_TRUE(has_status(head, 200));
  EXPECT_NE(written(head).find("content-length: 5\r\n"), std::string::npos);

  Client& empty = ask();
  ASSERT_TRUE(until_ended(3));
  backend_.send(0, h2::headers(3, {{":status", "103"}, {"link", "</a>"}}, false) +
                       h2::headers(3, {{":status", "204"}}));
  ASSERT_TRUE(until([&] { return empty.peer->written.find(" 204 ") != std::string::npos; }));
  EXPECT_TRUE(written(empty).starts_with("HTTP/1.1 103 "));

  Client& alone = ask();
  ASSERT_TRUE(until_ended(5));
  backend_.send(0, h2::headers(5, {{":status", "200"}}));
  ASSERT_TRUE(until_written(alone, "\r\n\r\n0\r\n\r\n"));
}

TEST_F(Http2BackendTest, SendsBodiesAndTrailers) {
  Client& client = ask(kPostFour);
  ASSERT_TRUE(until_ended(1));
  EXPECT_EQ(backend_.body(0, 1), "body");
  backend_.send(0, TestHttp2Backend::ok(1));
  ASSERT_TRUE(has_status(client, 200));

  Client& chunked = ask(kPostChunked);
  ASSERT_TRUE(until_asked(2));
  send(chunked, "3\r\nabc\r\n");
  ASSERT_TRUE(until([&] { return backend_.body(0, 3) == "abc"; }));
  EXPECT_FALSE(backend_.has_ended(0, 3));
  send(chunked, "2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n");
  ASSERT_TRUE(until_ended(3));
  EXPECT_EQ(backend_.body(0, 3), "abcde");
  EXPECT_EQ(backend_.count(0, h2::kHeaders, 3), 2U) << "head and trailers";
  backend_.send(0, TestHttp2Backend::ok(3));
  ASSERT_TRUE(has_status(chunked, 200));
}

TEST_F(Http2BackendTest, StreamsBothWays) {
  Client& client = ask(kPostChunked);
  ASSERT_TRUE(until_asked(1));
  backend_.send(0, h2::headers(1, {{":status", "200"}}, false));
  for (const std::string word : {"one", "two", "six"}) {
    send(client, "3\r\n" + word + "\r\n");
    ASSERT_TRUE(until([&] { return backend_.body(0, 1).ends_with(word); }));
    backend_.send(0, h2::data(1, word));
    ASSERT_TRUE(until_written(client, "3\r\n" + word + "\r\n"));
  }
  send(client, "0\r\n\r\n");
  ASSERT_TRUE(until_ended(1));
  backend_.send(0, h2::data(1, "", true));
  ASSERT_TRUE(until_written(client, "0\r\n\r\n"));
}

TEST_F(Http2BackendTest, OpensAnotherConnectionWhenStreamsAreUsedUp) {
  backend_.greet_with(h2::settings({{3, 1}}));
  Client& first = ask();
  ASSERT_TRUE(until_ended(1));
  ASSERT_TRUE(until([&] { return backend_.count(0, h2::kSettings, 0) == 2; })) << "acknowledged";
  Client& second = ask();
  ASSERT_TRUE(until_ended(1, 1));
  backend_.send(0, TestHttp2Backend::ok(1));
  ASSERT_TRUE(has_status(first, 200));
  Client& third = ask();
  ASSERT_TRUE(until_ended(3, 0)) << "the first connection has room again";
  backend_.send(0, TestHttp2Backend::ok(3));
  backend_.send(1, TestHttp2Backend::ok(1));
  ASSERT_TRUE(has_status(second, 200) && has_status(third, 200));
  EXPECT_EQ(backend_.connections(), 2U);
}

class Http2BackendWithoutBudgetTest : public Http2BackendTest {
 protected:
  Http2BackendWithoutBudgetTest() {
    settings_.retry_budget = 0;
    settings_.retry_floor = 0;
  }
};

TEST_F(Http2BackendWithoutBudgetTest, SendsWhatWasRefusedAgain) {
  Client& client = ask(kPostFour);
  ASSERT_TRUE(until_ended(1));
  backend_.send(0, h2::rst_stream(1, kRefusedStream));
  ASSERT_TRUE(until_ended(3));
  EXPECT_EQ(backend_.body(0, 3), "body");
  backend_.send(0, TestHttp2Backend::ok(3));
  ASSERT_TRUE(has_status(client, 200));
  EXPECT_EQ(traffic().retries, 1U);
}

TEST_F(Http2BackendTest, GivesUpOnABackendThatRefusesAlways) {
  backend_.answer_by([](size_t, const h2::Frame& frame) {
    return frame.ends_stream() ? h2::rst_stream(frame.stream, kRefusedStream) : std::string();
  });
  Client& client = ask();
  ASSERT_TRUE(until([&] {
    services_.check_timeouts(side_.loop().now() + Exchange::kRetryPause);
    return client.peer->written.starts_with("HTTP/1.1 503 ");
  }));
  EXPECT_EQ(reason("backend_refused"), 1U);
}

TEST_F(Http2BackendTest, SendsWhatIsAboveTheLastOfAGoawayAgain) {
  Client& kept = ask(kPostFour);
  ASSERT_TRUE(until_ended(1));
  Client& moved = ask(kPostFour);
  ASSERT_TRUE(until_ended(3));
  backend_.send(0, h2::frame(h2::kGoaway, 0, 0, h2::number(1) + h2::number(0)));
  ASSERT_TRUE(until_ended(1, 1));
  EXPECT_EQ(backend_.body(1, 1), "body");
  backend_.send(1, TestHttp2Backend::ok(1, "moved"));
  ASSERT_TRUE(until_written(moved, "moved\r\n0\r\n\r\n"));
  Client& next = ask();
  ASSERT_TRUE(until_ended(3, 1)) << "no new streams where the peer takes none";
  backend_.send(1, TestHttp2Backend::ok(3));
  ASSERT_TRUE(has_status(next, 200));
  EXPECT_FALSE(backend_.is_closed(0));
  backend_.send(0, TestHttp2Backend::ok(1, "kept"));
  ASSERT_TRUE(until_written(kept, "kept\r\n0\r\n\r\n"));
  EXPECT_TRUE(until([&] { return backend_.is_closed(0); }));
}

TEST_F(Http2BackendTest, DoesNotRepeatWhatABackendHasBegunWith) {
  Client& reset = ask(kPostFour);
  ASSERT_TRUE(until_ended(1));
  backend_.send(0, h2::rst_stream(1, kInternalError));
  ASSERT_TRUE(has_status(reset, 502));
  Client& cut = ask(kPostFour);
  ASSERT_TRUE(until_ended(3));
  backend_.close(0);
  ASSERT_TRUE(has_status(cut, 502));
  EXPECT_EQ(reason("backend_closed"), 2U);
  EXPECT_EQ(traffic().retries, 0U);
}

TEST_F(Http2BackendTest, RepeatsIdempotentRequestsOverAnotherConnection) {
  Client& client = ask();
  ASSERT_TRUE(until_ended(1));
  backend_.close(0);
  ASSERT_TRUE(until_ended(1, 1));
  backend_.send(1, TestHttp2Backend::ok(1));
  ASSERT_TRUE(has_status(client, 200));
}

TEST_F(Http2BackendTest, BreaksOffWhatBreaksOff) {
  Client& client = ask();
  ASSERT_TRUE(until_ended(1));
  backend_.send(0, h2::headers(1, {{":status", "200"}}, false) + h2::data(1, "part"));
  ASSERT_TRUE(until_written(client, "4\r\npart\r\n"));
  backend_.send(0, h2::rst_stream(1, kInternalError));
  ASSERT_TRUE(until_closed(client));
  EXPECT_TRUE(written(client).ends_with("4\r\npart\r\n"));
}

TEST_F(Http2BackendTest, CancelsWhatAClientGivesUp) {
  Client& gone = ask();
  Client& other = ask();
  ASSERT_TRUE(until_ended(1) && until_ended(3));
  side_.call([&] { gone.peer->read_error = ECONNRESET; });
  ASSERT_TRUE(until_frame(h2::kRstStream, 1));
  EXPECT_EQ(error_of(h2::kRstStream, 1), kCancel);
  backend_.send(0, TestHttp2Backend::ok(1) + TestHttp2Backend::ok(3));
  ASSERT_TRUE(has_status(other, 200));
  EXPECT_TRUE(until_free());
  EXPECT_EQ(backend_.connections(), 1U);
}

TEST_F(Http2BackendTest, HoldsBackTheBackendForASlowClientOnly) {
  Client& slow = connect();
  side_.call([&] { slow.peer->room = 1000; });
  send(slow, kAsk);
  ASSERT_TRUE(until_ended(1));
  std::string much = h2::headers(1, {{":status", "200"}}, false);
  constexpr size_t kWindow = 128U << 10U;
  for (size_t sent = 0; sent < kWindow; sent += 16384) much += h2::data(1, std::string(16384, 'x'));
  backend_.send(0, much);
  Client& quick = ask();
  ASSERT_TRUE(until_ended(3));
  backend_.send(0, TestHttp2Backend::ok(3));
  ASSERT_TRUE(has_status(quick, 200));
  // Less than half of it was taken: the peer gets no credit, and another stream all it wants.
  EXPECT_EQ(backend_.count(0, h2::kWindowUpdate, 1), 0U);
  side_.call([&] { slow.peer->room = MemoryPeer::kUnlimited; });
  ASSERT_TRUE(until_frame(h2::kWindowUpdate, 1));
  backend_.send(0, h2::data(1, "the end", true));
  ASSERT_TRUE(until_written(slow, "7\r\nthe end\r\n0\r\n\r\n"));
}

TEST_F(Http2BackendTest, SendsAsTheWindowAllows) {
  backend_.greet_with(h2::settings({{4, 3}}));
  Client& first = ask();
  ASSERT_TRUE(until([&] { return backend_.count(0, h2::kSettings, 0) == 2; })) << "acknowledged";
  Client& client = ask(kPostFour);
  ASSERT_TRUE(until([&] { return backend_.body(0, 3) == "bod"; }));
  EXPECT_FALSE(backend_.has_ended(0, 3));
  backend_.send(0, h2::window_update(3, 10));
  ASSERT_TRUE(until_ended(3));
  EXPECT_EQ(backend_.body(0, 3), "body");
  backend_.send(0, TestHttp2Backend::ok(3) + TestHttp2Backend::ok(1));
  ASSERT_TRUE(has_status(client, 200) && has_status(first, 200));
}

TEST_F(Http2BackendTest, TakesAnAnswerBeforeTheRequestHasEnded) {
  Client& client = ask(kPostChunked);
  ASSERT_TRUE(until_asked(1));
  backend_.send(0, TestHttp2Backend::ok(1) + h2::rst_stream(1, 0));
  ASSERT_TRUE(has_status(client, 200));
  EXPECT_TRUE(until_free());
  Client& next = ask();
  ASSERT_TRUE(until_ended(3));
  backend_.send(0, TestHttp2Backend::ok(3));
  ASSERT_TRUE(has_status(next, 200));
}

TEST_F(Http2BackendTest, RefusesMalformedResponses) {
  const std::vector<std::string> bad = {
      h2::headers(1, {{":status", "2000"}}),
      h2::headers(1, {{":status", "101"}}),
      h2::headers(1, {{"x", "y"}}),
      h2::headers(1, {{":status", "200"}, {"Upper", "y"}}),
      h2::headers(1, {{":status", "200"}, {"transfer-encoding", "chunked"}}),
      h2::headers(1, {{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}}, false),
      h2::headers(1, {{":status", "200"}, {"content-length", "3"}}, false) + h2::data(1, "1", true),
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    Client& client = ask(kPostFour);
    ASSERT_TRUE(until_ended(1, i)) << i;
    backend_.send(i, bad[i]);
    if (i + 1 < bad.size()) {
      EXPECT_TRUE(has_status(client, 502)) << i;
    } else {
      EXPECT_TRUE(until_closed(client)) << "its head had been passed on";
    }
    EXPECT_TRUE(until_frame(h2::kRstStream, 1, i)) << i;
    backend_.close(i);
    settle();
  }
  EXPECT_EQ(reason("bad_response"), bad.size());
}

TEST_F(Http2BackendTest, TellsABackendThatSpeaksSomethingElse) {
  backend_.greet_with("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  Client& client = ask(kPostFour);
  EXPECT_TRUE(has_status(client, 502));
  EXPECT_TRUE(until([&] { return backend_.connections() > 0 && backend_.is_closed(0); }));
}

TEST_F(Http2BackendTest, ClosesWhatIsIdle) {
  backend_.answer_all();
  Client& client = ask();
  ASSERT_TRUE(has_status(client, 200));
  later(seconds(61));
  ASSERT_TRUE(until([&] { return backend_.is_closed(0); }));
  EXPECT_EQ(backend_.count(0, h2::kGoaway, 0), 1U);
  Client& next = ask();
  EXPECT_TRUE(has_status(next, 200));
  EXPECT_EQ(backend_.connections(), 2U);
}

TEST_F(Http2BackendTest, DoesNotUseAConnectionThatItsPeerHasClosed) {
  backend_.answer_all();
  Client& client = ask();
  ASSERT_TRUE(has_status(client, 200));
  backend_.close(0);
  Client& next = ask(kPostFour);
  EXPECT_TRUE(has_status(next, 200));
}

TEST_F(Http2BackendTest, AnswersWhenNobodyListens) {
  std::string address;
  {
    const auto sockets =
        net::bind_listeners(*net::SocketAddress::from_endpoint({"127.0.0.1", 0}), 1);
    address = net::local_address(sockets->front().get()).to_string();
  }
  side_.call([&] { runtime_->pool.remove_backend(backend_.address(), Clock::now()); });
  add_backend(address);
  Client& client = ask();
  EXPECT_TRUE(until([&] {
    services_.check_timeouts(side_.loop().now() + Exchange::kRetryPause);
    return client.peer->written.starts_with("HTTP/1.1 502 ");
  }));
  EXPECT_EQ(reason("connect_failed"), 1U);
}

TEST_F(Http2BackendTest, RefusesUpgrades) {
  Client& client = ask(
      "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(has_status(client, 501));
  EXPECT_EQ(reason("upgrade_not_supported"), 1U);
}

TEST_F(Http2BackendTest, GivesUpWhatGetsNoAnswer) {
  Client& client = ask(kPostFour);
  ASSERT_TRUE(until_ended(1));
  later(seconds(61));
  EXPECT_TRUE(has_status(client, 504));
  EXPECT_TRUE(until_frame(h2::kRstStream, 1));
  EXPECT_TRUE(until_free());
}

}  // namespace
}  // namespace flaskscale::forward
