#include "scaler/providers/curl_http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT: setenv

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "tests/unit/providers/one_shot_server.h"

namespace flaskscale::scaler {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto kShort = std::chrono::milliseconds(300);

std::string ok(const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

HttpRequest request_to(const OneShotServer& server, const std::string& path = "/") {
  HttpRequest request;
  request.url = server.url() + path;
  request.timeout = std::chrono::seconds(10);
  return request;
}

TEST(CurlHttpClient, SendsMethodHeadersAndBodyAndReadsTheResponse) {
  OneShotServer server;
  server.answer(ok("{\"a\":1}", "X-Request-ID: 7\r\nContent-Type:  application/json \r\n"));
  HttpRequest request = request_to(server, "/things?x=1");
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
  request.body = "{}";
  CurlHttpClient client;

  const Result<HttpResponse> response = client.send(request);

  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "{\"a\":1}");
  EXPECT_EQ(response->header("x-request-id"), "7");
  EXPECT_EQ(response->header("content-type"), "application/json");
  EXPECT_EQ(response->header("x-absent"), "");
  const std::string seen = server.request(0);
  EXPECT_THAT(seen, HasSubstr("POST /things?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Empty:\r\n"));
  EXPECT_THAT(seen, HasSubstr("User-Agent: flaskscale\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Expect")));
  EXPECT_THAT(seen, testing::EndsWith("\r\n\r\n{}"));
}

TEST(CurlHttpClient, UsesAKeptConnectionAgainForAnyMethod) {
  OneShotServer server;
  CurlHttpClient client;
  for (const char* method : {"GET", "POST", "DELETE", "PUT", "HEAD", "GET"}) {
    server.answer(std::string_view(method) == "HEAD" ? "HTTP/1.1 204 No Content\r\n\r\n" : ok("x"));
    HttpRequest request = request_to(server);
    request.method = method;

    const Result<HttpResponse> response = client.send(request);

    ASSERT_TRUE(response) << method << ": " << response.error().detail;
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_THAT(server.request(2), HasSubstr("DELETE / HTTP/1.1"));
  EXPECT_THAT(server.request(2), Not(HasSubstr("Content-Type")));
  EXPECT_THAT(server.request(5), HasSubstr("GET / HTTP/1.1"));
}

TEST(CurlHttpClient, SpeaksThroughAUnixSocketWhateverProxyIsNamed) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  OneShotServer server(OneShotServer::Kind::unix_socket);
  server.answer(ok("pong"));
  HttpRequest request;
  request.url = "http://docker/_ping";
  request.unix_socket = server.path();
  CurlHttpClient client;

  const Result<HttpResponse> response = client.send(request);
  OneShotServer loopback;
  loopback.answer(ok("here"));
  const Result<HttpResponse> direct = client.send(request_to(loopback));
  unsetenv("http_proxy");

  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->body, "pong");
  ASSERT_TRUE(direct) << direct.error().detail;
}

TEST(CurlHttpClient, HandsPiecesOfASuccessToItsReader) {
  OneShotServer server;
  server.answer(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  server.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  std::string pieces;
  HttpRequest request = request_to(server);
  request.on_body = [&](std::string_view piece) {
    pieces += piece;
    return true;
  };
  CurlHttpClient client;

  const Result<HttpResponse> fine = client.send(request);
  const Result<HttpResponse> missing = client.send(request);

  ASSERT_TRUE(fine) << fine.error().detail;
  EXPECT_EQ(pieces, "onetwo");
  EXPECT_EQ(fine->body, "");
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->body, "none");
}

TEST(CurlHttpClient, EndsWhenItsReaderHasHadEnough) {
  OneShotServer server;
  server.answer(ok("much too long"));
  HttpRequest request = request_to(server);
  request.on_body = [](std::string_view) { return false; };
  CurlHttpClient client;

  const Result<HttpResponse> response = client.send(request);

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::cancelled);
}

TEST(CurlHttpClient, RefusesResponsesBeyondTheirLimit) {
  OneShotServer server;
  server.answer(ok("12345"));
  server.answer(ok("1234"));
  server.answer("HTTP/1.1 200 OK\r\nX-Long: " + std::string(90'000, 'x') +
                "\r\nX-More: " + std::string(90'000, 'x') +
                "\r\nX-Yet: " + std::string(90'000, 'x') + "\r\nContent-Length: 0\r\n\r\n");
  HttpRequest request = request_to(server);
  request.most_bytes = 4;
  CurlHttpClient client;

  const Result<HttpResponse> longer = client.send(request);
  const Result<HttpResponse> fitting = client.send(request);
  const Result<HttpResponse> headers = client.send(request);

  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::too_large);
  ASSERT_TRUE(fitting) << fitting.error().detail;
  ASSERT_FALSE(headers);
  EXPECT_EQ(headers.error().code, ErrorCode::too_large);
}

TEST(CurlHttpClient, TellsWhyNoResponseCame) {
  CurlHttpClient client;
  OneShotServer server;
  server.answer("");  // closes
  server.answer("SSH-2.0 nonsense\r\n\r\n");
  server.answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", OneShotServer::After::close);
  HttpRequest request = request_to(server, "/secret?token=hidden");

  const Result<HttpResponse> closed = client.send(request);
  const Result<HttpResponse> nonsense = client.send(request);
  const Result<HttpResponse> partial = client.send(request);

  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::closed_by_peer);
  EXPECT_THAT(closed.error().detail, HasSubstr("GET " + server.url() + "/secret: "));
  EXPECT_THAT(closed.error().detail, Not(HasSubstr("hidden")));
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().code, ErrorCode::bad_message) << nonsense.error().detail;
  ASSERT_FALSE(partial);
  EXPECT_EQ(partial.error().code, ErrorCode::closed_by_peer) << partial.error().detail;
}

TEST(CurlHttpClient, TellsWhyNoConnectionCame) {
  CurlHttpClient client;
  HttpRequest request;
  {
    const OneShotServer gone;
    request.url = gone.url();
  }
  const Result<HttpResponse> refused = client.send(request);
  request.unix_socket = "/nonexistent/docker.sock";
  const Result<HttpResponse> no_socket = client.send(request);
  request.unix_socket = "";
  request.url = "http://name.invalid/";
  const Result<HttpResponse> no_name = client.send(request);
  request.url = "ftp://127.0.0.1/";
  const Result<HttpResponse> no_scheme = client.send(request);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::connect_failed) << refused.error().detail;
  ASSERT_FALSE(no_socket);
  EXPECT_EQ(no_socket.error().code, ErrorCode::connect_failed) << no_socket.error().detail;
  EXPECT_THAT(no_socket.error().detail, HasSubstr("/nonexistent/docker.sock"));
  ASSERT_FALSE(no_name);
  EXPECT_EQ(no_name.error().code, ErrorCode::resolve_failed) << no_name.error().detail;
  ASSERT_FALSE(no_scheme);
  EXPECT_EQ(no_scheme.error().code, ErrorCode::invalid_argument) << no_scheme.error().detail;
}

TEST(CurlHttpClient, GivesUpAtItsTimeOut) {
  OneShotServer server;
  server.answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", OneShotServer::After::hold);
  HttpRequest request = request_to(server);
  request.timeout = kShort;
  CurlHttpClient client;

  const Result<HttpResponse> response = client.send(request);

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::timed_out) << response.error().detail;
}

TEST(CurlHttpClient, IsCancelledFromAnotherThread) {
  OneShotServer server;
  server.answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", OneShotServer::After::hold);
  CurlHttpClient client;
  std::promise<void> started;
  HttpRequest request = request_to(server);
  request.on_body = [&](std::string_view) {
    started.set_value();
    return true;
  };
  std::thread other([&] {
    started.get_future().wait();
    client.cancel();
  });

  const auto begin = std::chrono::steady_clock::now();
  const Result<HttpResponse> response = client.send(request);
  other.join();
  const Result<HttpResponse> later = client.send(request_to(server));

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::cancelled) << response.error().detail;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, ErrorCode::cancelled);
}

TEST(CurlHttpClient, TriesAKeptConnectionThatWasClosedOnceMore) {
  OneShotServer server;
  CurlHttpClient client;
  server.answer(ok("first"), OneShotServer::After::close_at_next_request);
  server.answer(ok("second"));

  const Result<HttpResponse> first = client.send(request_to(server));
  const Result<HttpResponse> second = client.send(request_to(server));

  ASSERT_TRUE(first) << first.error().detail;
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->body, "second");
  EXPECT_EQ(server.connections(), 2);
}

TEST(CurlHttpClient, SendsNoLineBreaksInItsHead) {
  CurlHttpClient client;
  OneShotServer server;
  HttpRequest method = request_to(server);
  method.method = "GET / HTTP/1.1\r\nX: y\r\n\r\n";
  HttpRequest value = request_to(server);
  value.headers = {{"X-A", "b\r\nX-C: d"}};
  HttpRequest name = request_to(server);
  name.headers = {{"X A\n", "b"}};
  HttpRequest url = request_to(server, "/\r\nX: y");

  for (const HttpRequest& request : {method, value, name, url}) {
    const Result<HttpResponse> response = client.send(request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(CurlHttpClient, KeepsTheHeadersOfTheLastHeadOnly) {
  OneShotServer server;
  server.answer("HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n" + ok("x", "Link: final\r\n"));
  CurlHttpClient client;

  const Result<HttpResponse> response = client.send(request_to(server));

  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->header("link"), "final");
}

}  // namespace
}  // namespace flaskscale::scaler
