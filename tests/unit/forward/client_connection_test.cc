#include "proxy/forward/client_connection.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "tests/unit/forward/test_backend.h"
#include "tests/unit/forward/worker_fixture.h"

namespace flaskscale::forward {
namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

size_t count(std::string_view text, std::string_view what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

class ClientConnectionTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    add_backend(backend_.address());
    backend_.answer_with(std::string(kOk));
  }
  bool is_open(Client& client) {
    return side_.call([&] { return !client.peer->destroyed; });
  }

  TestBackend backend_;
};

// --- Answers of our own

TEST_F(ClientConnectionTest, Answers404WithoutARouteAndGoesOn) {
  Client& client = connect();
  send(client, "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
  settle();
  EXPECT_TRUE(written(client).starts_with("HTTP/1.1 404 "));
  EXPECT_EQ(without_pool().no_route, 1U);
  send(client, kGet);
  EXPECT_TRUE(until_written(client, "\r\n\r\nok"));
  EXPECT_TRUE(is_open(client));
}

TEST_F(ClientConnectionTest, Answers400ToWhatIsNoRequestAndLingers) {
  Client& client = connect();
  send(client, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  settle();
  EXPECT_TRUE(written(client).starts_with("HTTP/1.1 400 "));
  EXPECT_NE(written(client).find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(without_pool().malformed.size(), 1U);
  // The sending side is closed; what still comes is read away and not answered.
  EXPECT_TRUE(side_.call([&] { return client.peer->shut_down; }));
  const size_t size = written(client).size();
  send(client, kGet);
  settle();
  EXPECT_TRUE(side_.call([&] { return client.peer->incoming.empty(); }));
  EXPECT_EQ(written(client).size(), size);
  EXPECT_TRUE(is_open(client));

  side_.call([&] { client.peer->ended = true; });
  EXPECT_TRUE(until_closed(client));
  EXPECT_FALSE(client.peer->aborted);
}

TEST_F(ClientConnectionTest, LingersNoLongerThanItsTimeAndItsBytes) {
  Client& slow = connect();
  send(slow, "bad\r\n\r\n");
  settle();
  later(ClientConnection::kLinger - milliseconds(500));
  EXPECT_TRUE(is_open(slow));
  later(ClientConnection::kLinger);
  EXPECT_FALSE(is_open(slow));

  Client& greedy = connect();
  send(greedy, "bad\r\n\r\n");
  settle();
  send(greedy, std::string(5U << 20U, 'x'));
  EXPECT_TRUE(until_closed(greedy));
}

TEST_F(ClientConnectionTest, Answers413ToADeclaredBodyBeforeItReadsIt) {
  limits_.body_bytes = 10;
  apply_limits();
  Client& client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 11\r\n\r\n");
  settle();
  EXPECT_TRUE(written(client).starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(side_.call([&] { return client.peer->shut_down; }));
  EXPECT_EQ(backend_.connections(), 0U);
}

TEST_F(ClientConnectionTest, Answers413ToAChunkedBodyThatGrowsTooLarge) {
  limits_.body_bytes = 10;
  apply_limits();
  backend_.hold_answers();
  Client& client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
  settle();
  send(client, "hello\r\n6\r\nworld!\r\n");
  EXPECT_TRUE(until([&] { return client.peer->shut_down; }));
  EXPECT_TRUE(written(client).starts_with("HTTP/1.1 413 "));
  EXPECT_EQ(reason("body_too_large"), 1U);
}

TEST_F(ClientConnectionTest, Answers408ToAHeadThatTakesTooLong) {
  Client& client = connect();
  send(client, "GET / HTTP/1.1\r\nHo");
  settle();
  later(seconds(9));
  EXPECT_EQ(written(client), "");
  send(client, "st: ");  // a drip does not buy time
  settle();
  later(seconds(10));
  EXPECT_TRUE(written(client).starts_with("HTTP/1.1 408 "));
  ASSERT_EQ(without_pool().malformed.size(), 1U);
  EXPECT_EQ(without_pool().malformed[0].first, "header_timeout");
}

TEST_F(ClientConnectionTest, Answers408ToABodyThatStopsComing) {
  backend_.hold_answers();
  Client& client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n\r\nhalf");
  settle();
  ASSERT_TRUE(backend_.has_received("half"));
  later(seconds(31));
  EXPECT_TRUE(written(client).starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(reason("body_timeout"), 1U);
}

TEST_F(ClientConnectionTest, ClosesAnIdleConnectionWithoutAWord) {
  Client& client = connect();
  later(seconds(59));
  EXPECT_TRUE(is_open(client));
  later(seconds(60));
  EXPECT_FALSE(is_open(client));
  EXPECT_EQ(written(client), "");
}

// --- Requests

TEST_F(ClientConnectionTest, ServesOneRequestAfterTheOtherOverOneBackendConnection) {
  Client& client = connect();
  for (size_t i = 1; i <= 5; ++i) {
    send(client, kGet);
    ASSERT_TRUE(until([&] { return count(client.peer->written, "\r\n\r\nok") == i; }));
  }
  EXPECT_EQ(reason("ok"), 5U);
  EXPECT_EQ(traffic().responses(2), 5U);
  EXPECT_EQ(backend_.connections(), 1U);
  EXPECT_TRUE(is_open(client));
  // Nothing but reading was ever asked of the poll.
  EXPECT_EQ(side_.call([&] { return client.peer->interests.size(); }), 1U);
  EXPECT_EQ(side_.call([&] { return client.peer->writes; }), 5U);
}

TEST_F(ClientConnectionTest, AnswersPipelinedRequestsInOrderHoweverTheyAreCut) {
  backend_.answer_by([](const std::string& received) {
    if (!received.ends_with("\r\n\r\n")) return std::string();
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + received.substr(4, 2);
  });
  for (const size_t piece : {size_t{1}, size_t{7}, MemoryPeer::kUnlimited}) {
    Client& client = connect();
    side_.call([&] { client.peer->read_limit = piece; });
    for (const char* path : {"/1", "/2", "/3", "/4"}) {
      send(client, "GET " + std::string(path) + " HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    }
    ASSERT_TRUE(until_written(client, "\r\n\r\n/4"));
    const std::string all = written(client);
    EXPECT_EQ(count(all, "HTTP/1.1 200 OK"), 4U);
    EXPECT_LT(all.find("\r\n\r\n/1"), all.find("\r\n\r\n/2"));
    EXPECT_LT(all.find("\r\n\r\n/2"), all.find("\r\n\r\n/3"));
  }
}

TEST_F(ClientConnectionTest, ReadsNoMoreThanItsShareOfPipelinedRequests) {
  backend_.hold_answers();
  Client& client = connect();
  send(client, kGet);
  ASSERT_TRUE(until([&] { return client.peer->incoming.empty(); }));
  send(client, std::string(1U << 20U, 'x'));
  settle();
  EXPECT_EQ(side_.call([&] { return client.peer->interest(); }), net::Interest::none);
  EXPECT_GT(side_.call([&] { return client.peer->incoming.size(); }), 800U << 10U);
}

TEST_F(ClientConnectionTest, PassesABodyOnInBothFramings) {
  backend_.answer_by([](const std::string& received) {
    return received.ends_with("end\r\n0\r\n\r\n") || received.ends_with("\r\n\r\nhello")
               ? std::string(kOk)
               : std::string();
  });
  Client& client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\r\nhe");
  settle();
  send(client, "llo");
  ASSERT_TRUE(until_written(client, "\r\n\r\nok"));
  send(client,
       "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nend\r\n"
       "0\r\n\r\n");
  ASSERT_TRUE(until([&] { return count(client.peer->written, "\r\n\r\nok") == 2; }));
  EXPECT_EQ(reason("ok"), 2U);
}

// --- The end of a connection

TEST_F(ClientConnectionTest, ClosesWhenTheClientWishesIt) {
  for (const char* request : {"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n",
                              "GET / HTTP/1.0\r\nHost: shop.example\r\n\r\n"}) {
    Client& client = connect();
    send(client, request);
    EXPECT_TRUE(until_closed(client));
    EXPECT_TRUE(client.peer->written.ends_with("\r\n\r\nok"));
    EXPECT_FALSE(client.peer->aborted);
  }
}

TEST_F(ClientConnectionTest, ServesAClientThatHasOnlyClosedItsSendingSide) {
  Client& client = connect();
  send(client, kGet);
  send(client, kGet);
  side_.call([&] { client.peer->ended = true; });
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(count(client.peer->written, "\r\n\r\nok"), 2U);
  EXPECT_FALSE(client.peer->aborted);
}

TEST_F(ClientConnectionTest, ClosesAtTheEndOfAResponseWithoutLengthToAnOldClient) {
  backend_.answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  Client& old = connect();
  send(old, "GET / HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(until_closed(old));
  EXPECT_TRUE(old.peer->written.ends_with("\r\n\r\nok"));

  Client& now = connect();
  send(now, kGet);
  EXPECT_TRUE(until_written(now, "2\r\nok\r\n0\r\n\r\n"));
  EXPECT_TRUE(is_open(now));
}

TEST_F(ClientConnectionTest, LingersWhenItAnswersBeforeTheWholeRequestHasCome) {
  Client& client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100\r\n\r\npart");
  ASSERT_TRUE(until_written(client, "\r\n\r\nok"));
  EXPECT_NE(written(client).find("Connection: close"), std::string::npos);
  EXPECT_TRUE(is_open(client));
  EXPECT_TRUE(side_.call([&] { return client.peer->shut_down; }));
  EXPECT_EQ(reason("ok"), 1U);
}

TEST_F(ClientConnectionTest, DrainsIdleOnesAtOnceAndBusyOnesAfterTheirExchange) {
  backend_.hold_answers();
  Client& idle = connect();
  Client& busy = connect();
  send(busy, kGet);
  settle();
  ASSERT_TRUE(backend_.has_received("GET / "));
  side_.call([&] {
    services_.draining = true;
    idle.connection->on_drain();
    busy.connection->on_drain();
  });
  EXPECT_FALSE(is_open(idle));
  EXPECT_TRUE(is_open(busy));
  backend_.send(kOk);
  EXPECT_TRUE(until_closed(busy));
  EXPECT_NE(busy.peer->written.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(busy.peer->written.ends_with("\r\n\r\nok"));
}

TEST_F(ClientConnectionTest, ServesARequestThatWasThereBeforeTheDrain) {
  Client& client = connect();
  side_.call([&] {
    client.peer->incoming = kGet;  // come, but not read
    services_.draining = true;
    client.connection->on_drain();
  });
  EXPECT_TRUE(until_closed(client));
  EXPECT_TRUE(client.peer->written.ends_with("\r\n\r\nok"));
}

TEST_F(ClientConnectionTest, CutsOffAClientThatTakesNothing) {
  const std::string body(1U << 20U, 'x');
  backend_.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + body);
  Client& client = connect();
  side_.call([&] { client.peer->room = 1000; });
  send(client, kGet);
  ASSERT_TRUE(until([&] { return client.peer->written.size() == 1000; }));
  later(seconds(31));
  EXPECT_FALSE(is_open(client));
  EXPECT_TRUE(client.peer->aborted);
  EXPECT_EQ(reason("client_stalled"), 1U);
  EXPECT_EQ(traffic().aborted, 1U);
}

TEST_F(ClientConnectionTest, PassesALargeResponseToASlowClientWhole) {
  std::string body(3U << 20U, '.');
  for (size_t i = 0; i < body.size(); i += 97) body[i] = static_cast<char>('a' + i % 26);
  backend_.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n" + body);
  Client& client = connect();
  side_.call([&] { client.peer->write_limit = 10007; });
  send(client, kGet);
  ASSERT_TRUE(until([&] { return client.peer->written.size() > body.size(); }));
  EXPECT_TRUE(until([&] { return client.peer->written.ends_with(body); }));
  EXPECT_EQ(reason("ok"), 1U);
  EXPECT_TRUE(is_open(client));
}

TEST_F(ClientConnectionTest, GivesUpWhenTheClientsConnectionBreaks) {
  backend_.hold_answers();
  Client& client = connect();
  send(client, kGet);
  settle();
  ASSERT_TRUE(backend_.has_received("GET / "));
  side_.call([&] { client.peer->read_error = ECONNRESET; });
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(reason("client_left"), 1U);
  EXPECT_EQ(traffic().without_response, 1U);
  EXPECT_TRUE(backend_.newest_is_closed_by_peer());
}

// A write that fails tells of it before any read: what the client had sent ahead is still unread.
TEST_F(ClientConnectionTest, ServesNothingThatWasPipelinedByAClientThatIsGone) {
  backend_.hold_answers();
  Client& client = connect();
  for (int i = 0; i < 5; ++i) send(client, kGet);
  settle();
  ASSERT_TRUE(backend_.has_received("GET / "));
  side_.call([&] { client.peer->write_error = EPIPE; });
  backend_.answer_with(std::string(kOk));
  backend_.send(kOk);
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(reason("client_left"), 1U);
  EXPECT_EQ(reason("ok"), 0U);
  EXPECT_EQ(traffic().aborted, 1U);
}

TEST_F(ClientConnectionTest, AnswersNothingElseForItselfToAClientThatIsGone) {
  Client& client = connect();
  side_.call([&] { client.peer->write_error = EPIPE; });
  for (int i = 0; i < 5; ++i) send(client, "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
  EXPECT_TRUE(until_closed(client));
  EXPECT_EQ(without_pool().no_route, 1U);

  Client& wrong = connect();
  side_.call([&] { wrong.peer->write_error = EPIPE; });
  send(wrong, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  EXPECT_TRUE(until_closed(wrong));
}

}  // namespace
}  // namespace flaskscale::forward
