#include "proxy/forward/http2_connection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/websocket_key.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/forward/test_backend.h"
#include "tests/unit/forward/worker_fixture.h"

namespace flaskscale::forward {
namespace {

namespace h2 = http2;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class Http2ConnectionTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    add_backend(backend_.address());
    backend_.answer_with(std::string(kOk));
  }
  // With the preface, and whatever else.
  Client& greet(std::string_view more = {}) {
    Client& client = connect<Http2Connection>();
    send(client, h2::hello() + h2::frame(h2::kSettings, h2::kAck, 0, "") + std::string(more));
    return client;
  }
  std::vector<h2::Frame> frames(Client& client) { return h2::frames_of(written(client)); }
  size_t count(Client& client, uint8_t kind) {
    const auto all = frames(client);
    return static_cast<size_t>(std::ranges::count(all, kind, &h2::Frame::kind));
  }
  std::string body(Client& client, uint32_t stream) {
    std::string bytes;
    for (const auto& frame : frames(client)) {
      if (frame.kind == h2::kData && frame.stream == stream) bytes += frame.payload;
    }
    return bytes;
  }
  bool until_ended(Client& client, uint32_t stream) {
    return until([&] {
      const auto all = h2::frames_of(client.peer->written);
      return std::ranges::any_of(
          all, [&](const auto& one) { return one.stream == stream && one.ends_stream(); });
    });
  }
  bool until_frame(Client& client, uint8_t kind, uint32_t error) {
    return until([&] {
      const auto all = h2::frames_of(client.peer->written);
      return std::ranges::any_of(
          all, [&](const auto& one) { return one.kind == kind && one.error() == error; });
    });
  }
  bool is_open(Client& client) {
    return side_.call([&] { return !client.peer->destroyed; });
  }
  // By the backend.
  bool until_received(std::string_view text) {
    return until([&] { return backend_.received().find(text) != std::string::npos; });
  }
  // Nothing of the pool is in use.
  bool until_free() {
    return until([&] {
      const auto backends = runtime_->pool.backends(Clock::now());
      return runtime_->pool.queued() == 0 && backends.at(0).in_flight == 0;
    });
  }

  TestBackend backend_;
};

TEST_F(Http2ConnectionTest, ServesARequest) {
  Client& client = greet(h2::get(1, "/a"));
  ASSERT_TRUE(until_ended(client, 1));
  EXPECT_EQ(body(client, 1), "ok");
  EXPECT_NE(backend_.received().find("GET /a HTTP/1.1\r\nHost: shop.example\r\n"),
            std::string::npos);
  EXPECT_NE(backend_.received().find("Via: 2.0 flaskscale\r\n"), std::string::npos);
  EXPECT_EQ(traffic().requests(), 1U);
  EXPECT_TRUE(is_open(client));
}

TEST_F(Http2ConnectionTest, SendsAllFramesOfATurnAtOnce) {
  Client& client = greet();
  settle();
  const size_t before = side_.call([&] { return client.peer->writes; });
  h2::Fields fields = h2::get_fields();
  fields[2].second = "other.example";
  std::string requests;
  for (uint32_t i = 0; i < 16; ++i) requests += h2::headers(1 + 2 * i, fields);
  send(client, requests);
  ASSERT_TRUE(until_ended(client, 31));
  EXPECT_EQ(side_.call([&] { return client.peer->writes; }), before + 1);
}

TEST_F(Http2ConnectionTest, SendsABodyWithItsLengthOrInChunks) {
  Client& client =
      greet(h2::post(1, {{"content-length", "5"}}) + h2::data(1, "hel") + h2::data(1, "lo", true));
  ASSERT_TRUE(until_ended(client, 1));
  EXPECT_NE(backend_.received().find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(backend_.received().ends_with("\r\n\r\nhello"));
  send(client, h2::post(3) + h2::data(3, "hello") + h2::headers(3, {{"x-sum", "7"}}));
  ASSERT_TRUE(until_ended(client, 3));
  EXPECT_NE(backend_.received().find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_TRUE(backend_.received().ends_with("5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"));
}

TEST_F(Http2ConnectionTest, AnswersForItselfOnTheStream) {
  h2::Fields fields = h2::get_fields();
  fields[2].second = "other.example";
  Client& client = greet(h2::headers(1, fields) + h2::get(3));
  ASSERT_TRUE(until_ended(client, 1));
  ASSERT_TRUE(until_ended(client, 3));
  EXPECT_NE(body(client, 1).find("no_route"), std::string::npos);
  EXPECT_EQ(body(client, 3), "ok");
  EXPECT_EQ(without_pool().no_route, 1U);
}

TEST_F(Http2ConnectionTest, RefusesWhatItDoesNotServeAndAsksForNoMoreOfIt) {
  h2::Fields fields = h2::get_fields();
  fields[0].second = "BREW";
  Client& client = greet(h2::headers(1, fields, false));
  ASSERT_TRUE(until_frame(client, h2::kRstStream, 0));  // NO_ERROR, behind the answer
  EXPECT_NE(body(client, 1).find("method_not_implemented"), std::string::npos);
  EXPECT_EQ(without_pool().malformed.size(), 1U);
  EXPECT_EQ(side_.call([&] { return backend_.received(); }), "");
}

class Http2ConnectionQueueTest : public Http2ConnectionTest {
 protected:
  Http2ConnectionQueueTest() { settings_.slots = 1; }
};

TEST_F(Http2ConnectionQueueTest, GivesNoCreditWhileTheExchangeTakesNothing) {
  backend_.hold_answers();
  Client& client = greet(h2::get(1));
  ASSERT_TRUE(until_received("\r\n\r\n"));
  // Waits in the queue: 64 KiB are taken, the rest of the window is held without credit.
  send(client, h2::post(3));
  for (int i = 0; i < 8; ++i) send(client, h2::data(3, std::string(16384, 'x')));
  settle();
  uint32_t credit = 0;
  for (const auto& frame : frames(client)) {
    if (frame.kind == h2::kWindowUpdate && frame.stream == 3) credit += frame.word();
  }
  EXPECT_LE(credit, 80U << 10U);
  EXPECT_GE(credit, 32U << 10U);
  send(client, h2::rst_stream(1) + h2::rst_stream(3));
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, HoldsLittleForAClientThatGivesNoWindow) {
  backend_.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" +
                       std::string(1'000'000, 'x'));
  Client& client = connect<Http2Connection>();
  std::string requests = std::string(h2::kPreface) + h2::settings({{4, 0}});
  for (uint32_t i = 0; i < 50; ++i) requests += h2::get(1 + 2 * i);
  send(client, requests);
  ASSERT_TRUE(until([&] { return runtime_->pool.backends(Clock::now()).at(0).in_flight == 50; }));
  auto& connection = static_cast<Http2Connection&>(*client.connection);
  ASSERT_TRUE(until([&] { return connection.room() == 4096; }));  // each reads little from now on
  settle();
  EXPECT_TRUE(body(client, 1).empty());
  // Its time runs: the streams are reset, the slots freed.
  EXPECT_TRUE(until([&] {
    services_.check_timeouts(side_.loop().now() + seconds(31));
    return runtime_->pool.backends(Clock::now()).at(0).in_flight == 0;
  }));
  EXPECT_EQ(reason("client_stalled"), 50U);
}

TEST_F(Http2ConnectionTest, SendsWhatTheWindowAllowsAndGoesOnWithMore) {
  backend_.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" +
                       std::string(300'000, 'x'));
  Client& client = greet(h2::get(1));
  ASSERT_TRUE(until([&] { return client.peer->written.size() > 65535; }));
  EXPECT_EQ(body(client, 1).size(), 65535U);
  send(client, h2::window_update(1, 1U << 20U) + h2::window_update(0, 1U << 20U));
  ASSERT_TRUE(until_ended(client, 1));
  EXPECT_EQ(body(client, 1).size(), 300'000U);
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, SurvivesASocketThatTakesLittleAtATime) {
  backend_.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" +
                       std::string(60'000, 'x'));
  Client& client = connect<Http2Connection>();
  side_.call([&] { client.peer->write_limit = 777; });
  send(client, h2::hello() + h2::get(1) + h2::get(3));
  send(client, h2::window_update(0, 1U << 20U));
  ASSERT_TRUE(until_ended(client, 1));
  ASSERT_TRUE(until_ended(client, 3));
  EXPECT_EQ(body(client, 1).size(), 60'000U);
  EXPECT_EQ(body(client, 3).size(), 60'000U);
}

TEST_F(Http2ConnectionTest, AnswersAllOfManyThatComeAtOnce) {
  std::string many;
  for (uint32_t stream = 1; stream < 180; stream += 2) many += h2::get(stream);
  Client& client = greet(many);
  for (uint32_t stream = 1; stream < 180; stream += 2) ASSERT_TRUE(until_ended(client, stream));
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, ForgetsWhatWaitsForAnotherTurnOfAClientThatGoes) {
  backend_.hold_answers();
  std::string many;
  for (uint32_t stream = 1; stream < 180; stream += 2) many += h2::get(stream);
  Client& client = greet(many);
  side_.call([&] { client.connection->on_shutdown(); });
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, DoesNotBeginWhatIsCancelledInTheSameBytes) {
  Client& client = greet(h2::get(1) + h2::rst_stream(1) + h2::get(3));
  ASSERT_TRUE(until_ended(client, 3));
  const auto malformed = without_pool().malformed;
  ASSERT_EQ(malformed.size(), 1U);
  EXPECT_EQ(malformed[0].first, "http2_cancelled");
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, FreesTheSlotWhenTheClientCancels) {
  backend_.hold_answers();
  Client& client = greet(h2::get(1));
  ASSERT_TRUE(until_received("\r\n\r\n"));
  settle();
  EXPECT_EQ(runtime_->pool.backends(Clock::now()).at(0).in_flight, 1U);
  send(client, h2::rst_stream(1));
  EXPECT_TRUE(until_free());
  EXPECT_TRUE(backend_.newest_is_closed_by_peer());
  EXPECT_EQ(reason("client_left"), 1U);
  EXPECT_TRUE(is_open(client));
}

TEST_F(Http2ConnectionTest, CutsOnlyTheStreamWhoseBackendBreaks) {
  backend_.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok");
  Client& client = greet(h2::get(1));
  ASSERT_TRUE(until([&] { return client.peer->written.ends_with("ok"); }));
  backend_.close_newest();
  ASSERT_TRUE(until_frame(client, h2::kRstStream, 2));
  backend_.answer_with(std::string(kOk));
  send(client, h2::get(3));
  ASSERT_TRUE(until_ended(client, 3));
}

TEST_F(Http2ConnectionTest, EndsIdleConnectionsWithAGoaway) {
  Client& client = greet();
  settle();
  later(seconds(59));
  settle();
  EXPECT_EQ(count(client, h2::kGoaway), 0U);
  later(seconds(61));
  ASSERT_TRUE(until_frame(client, h2::kGoaway, 0));
  side_.call([&] { client.peer->ended = true; });
  EXPECT_TRUE(until_closed(client));
}

TEST_F(Http2ConnectionTest, EndsAConnectionWhoseHeadDoesNotEnd) {
  Client& client = greet(h2::frame(h2::kHeaders, 0, 1, h2::block(h2::get_fields())));
  settle();
  later(seconds(11));
  ASSERT_TRUE(until_frame(client, h2::kGoaway, 11));
  side_.call([&] { client.peer->ended = true; });
  EXPECT_TRUE(until_closed(client));
}

TEST_F(Http2ConnectionTest, Answers408ToABodyThatStalls) {
  Client& client = greet(h2::post(1) + h2::data(1, "a"));
  ASSERT_TRUE(until_received("a\r\n"));
  backend_.hold_answers();
  later(seconds(31));
  ASSERT_TRUE(until_free());
  EXPECT_TRUE(until_ended(client, 1));
  EXPECT_TRUE(is_open(client));
}

TEST_F(Http2ConnectionTest, DrainsInTwoStepsAndServesWhatIsOnItsWay) {
  backend_.hold_answers();
  Client& client = greet(h2::get(1));
  ASSERT_TRUE(until_received("\r\n\r\n"));
  side_.call([&] {
    services_.draining = true;
    client.connection->on_drain();
  });
  ASSERT_TRUE(until_frame(client, h2::kGoaway, 0));
  backend_.answer_with(std::string(kOk));
  send(client, h2::get(3));  // sent before the GOAWAY was heard
  ASSERT_TRUE(until_ended(client, 3));
  const auto all = frames(client);
  const auto ping = std::ranges::find_if(
      all, [](const auto& one) { return one.kind == h2::kPing && one.flags == 0; });
  ASSERT_NE(ping, all.end());
  send(client, h2::ping(ping->payload, h2::kAck));
  ASSERT_TRUE(until([&] {
    const auto now = h2::frames_of(client.peer->written);
    return std::ranges::any_of(
        now, [](const auto& one) { return one.kind == h2::kGoaway && one.word() == 3; });
  }));
  EXPECT_TRUE(is_open(client));
  send(client, h2::rst_stream(1));  // the first request
  side_.call([&] { client.peer->ended = true; });
  EXPECT_TRUE(until_closed(client));
}

TEST_F(Http2ConnectionTest, DrainsAnIdleClientThatDoesNotAnswer) {
  Client& client = greet();
  settle();
  side_.call([&] {
    services_.draining = true;
    client.connection->on_drain();
  });
  settle();
  later(seconds(3));
  settle();
  later(seconds(6));
  EXPECT_TRUE(until_closed(client));
}

TEST_F(Http2ConnectionTest, TellsTheReasonOfAProtocolErrorOnce) {
  Client& client = greet(h2::data(0, "x"));
  ASSERT_TRUE(until_frame(client, h2::kGoaway, 1));
  const auto malformed = without_pool().malformed;
  ASSERT_EQ(malformed.size(), 1U);
  EXPECT_EQ(malformed[0].first, "http2_protocol_error");
  EXPECT_EQ(malformed[0].second, 1U);
}

TEST_F(Http2ConnectionTest, GivesUpAllStreamsOfAClientThatGoes) {
  backend_.hold_answers();
  Client& client = greet(h2::get(1) + h2::get(3) + h2::post(5));
  ASSERT_TRUE(until([&] { return runtime_->pool.backends(Clock::now()).at(0).in_flight == 3; }));
  side_.call([&] { client.peer->ended = true; });
  EXPECT_TRUE(until_closed(client));
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, CarriesAWebSocketToABackendOfHttp1) {
  backend_.answer_by([](const std::string& received) {
    const std::string name = "Sec-WebSocket-Key: ";
    const size_t at = received.find(name);
    if (at == std::string::npos)
      return received.ends_with("\r\n\r\n") ? std::string() : "you said " + received;
    const std::string key = received.substr(at + name.size(), 24);
    return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Accept: " +
           http::websocket_accept(key) + "\r\n\r\nhi";
  });
  h2::Fields fields = h2::get_fields("/chat");
  fields[0].second = "CONNECT";
  fields.emplace_back(":protocol", "websocket");
  std::swap(fields[4], fields[3]);
  fields.emplace_back("sec-websocket-version", "13");
  Client& client = greet(h2::headers(1, fields, false) + h2::data(1, "early"));
  ASSERT_TRUE(
      until([&] { return client.peer->written.find("you said early") != std::string::npos; }));
  EXPECT_TRUE(body(client, 1).starts_with("hi"));
  EXPECT_NE(backend_.received().find("Connection: upgrade\r\nUpgrade: websocket\r\n"),
            std::string::npos);
  EXPECT_NE(backend_.received().find("GET /chat HTTP/1.1\r\n"), std::string::npos);
  send(client, h2::data(1, "", true));
  settle();
  ASSERT_TRUE(backend_.newest_is_closed_by_peer());
  EXPECT_TRUE(until_ended(client, 1));
  EXPECT_TRUE(until_free());
}

TEST_F(Http2ConnectionTest, Answers502ToASwitchWithAnotherKey) {
  backend_.answer_with(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: AAAA\r\n\r\n");
  h2::Fields fields = {{":method", "CONNECT"},
                       {":protocol", "websocket"},
                       {":scheme", "http"},
                       {":authority", "shop.example"},
                       {":path", "/"}};
  Client& client = greet(h2::headers(1, fields, false));
  ASSERT_TRUE(until_ended(client, 1));
  EXPECT_EQ(reason("unexpected_switch"), 1U);
}

TEST_F(Http2ConnectionTest, CutsWhatIsLeftAtTheEnd) {
  backend_.hold_answers();
  Client& client = greet(h2::get(1) + h2::get(3));
  ASSERT_TRUE(until([&] { return runtime_->pool.backends(Clock::now()).at(0).in_flight == 2; }));
  side_.call([&] { client.connection->on_shutdown(); });
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(reason("shutting_down"), 2U);
  EXPECT_EQ(count(client, h2::kGoaway), 1U);
}

}  // namespace
}  // namespace flaskscale::forward
