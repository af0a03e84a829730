#include <gtest/gtest.h>

#include <string>

#include "proxy/http/head_writer.h"
#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

RequestFacts facts() {
  return {.client_address = "203.0.113.7", .scheme = "https", .request_id = "req-1"};
}

RequestFacts trusted_facts() {
  RequestFacts trusted = facts();
  trusted.client_is_trusted = true;
  return trusted;
}

std::string rewrite(const std::string& text, const RequestFacts& about = facts()) {
  const ParsedRequest parsed(text);
  EXPECT_TRUE(parsed.outcome.starts_with("complete")) << parsed.outcome << "\n" << text;
  std::string out = "kept:";
  write_request_head(parsed.head, about, out);
  EXPECT_TRUE(out.starts_with("kept:"));
  return out.substr(5);
}

std::string get(const std::string& lines) {
  return "GET /a?b HTTP/1.1\r\nHost: h.example\r\n" + lines + "\r\n";
}

// What is written for a request of no fields but Host, between the passed fields and the end.
const std::string kOurs =
    "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Host: h.example\r\n"
    "Forwarded: for=203.0.113.7;proto=https;host=\"h.example\"\r\n"
    "X-Request-Id: req-1\r\nVia: 1.1 flaskscale\r\n\r\n";
const std::string kBegin = "GET /a?b HTTP/1.1\r\nHost: h.example\r\n";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(RequestHeadWriter, WritesTheWholeHeadAnew) {
  EXPECT_EQ(rewrite(get("user-agent:x\r\nAccept: \t*/* \r\nEmpty:\r\n")),
            kBegin + "user-agent: x\r\nAccept: */*\r\nEmpty: \r\n" + kOurs);
}

TEST(RequestHeadWriter, RemovesHopByHopFields) {
  EXPECT_EQ(rewrite(get("Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\n"
                        "Proxy-Connection: keep-alive\r\nProxy-Authorization: secret\r\n"
                        "Proxy-Authenticate: x\r\nTE: gzip\r\nTrailer: X-Sum\r\nUpgrade: foo\r\n"
                        "x-hop: 1\r\nX-Kept: 2\r\n")),
            kBegin + "X-Kept: 2\r\n" + kOurs);
}

TEST(RequestHeadWriter, NeverStripsWhatSecurityRestsOnByNomination) {
  const std::string lines =
      "Authorization: a\r\nCookie: b\r\nContent-Type: c\r\nX-Forwarded-For: d\r\n"
      "Sec-Fetch-Site: e\r\nIf-Match: f\r\nOrigin: g\r\nContent-Length: 3\r\n";
  const std::string nominating =
      "Connection: Host, Content-Length, Transfer-Encoding, Via, X-Forwarded-For, Forwarded, "
      "Authorization, Cookie, Content-Type, Sec-Fetch-Site, If-Match, Origin, X-Request-Id\r\n";

  EXPECT_EQ(rewrite(get(nominating + lines)), rewrite(get(lines)));
  EXPECT_TRUE(contains(rewrite(get(nominating + lines)), "Authorization: a\r\nCookie: b\r\n"));
}

TEST(RequestHeadWriter, GeneratesTheFraming) {
  const auto post = [](const std::string& lines) {
    return rewrite("POST / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n");
  };
  EXPECT_TRUE(contains(post("content-length: 007\r\n"), "\r\nContent-Length: 7\r\n"));
  EXPECT_TRUE(
      contains(post("transfer-encoding: CHUNKED\r\n"), "\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(contains(post("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"),
                       "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(contains(post(""), "\r\nContent-Length: 0\r\n"));
  EXPECT_FALSE(contains(rewrite(get("")), "Content-Length"));
  EXPECT_TRUE(contains(rewrite(get("Content-Length: 0\r\n")), "\r\nContent-Length: 0\r\n"));
}

TEST(RequestHeadWriter, PassesAnUpgrade) {
  const std::string out = rewrite(
      get("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"));
  EXPECT_EQ(out, kBegin + "Sec-WebSocket-Key: k\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" +
                     kOurs);
}

TEST(RequestHeadWriter, DropsAnUpgradeToH2c) {
  const std::string out = rewrite(
      get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"));
  EXPECT_EQ(out, kBegin + kOurs);
}

TEST(RequestHeadWriter, PassesTeTrailers) {
  EXPECT_EQ(rewrite(get("Connection: TE\r\nTE: gzip;q=0.5, Trailers\r\n")),
            kBegin + "TE: trailers\r\nConnection: TE\r\n" + kOurs);
}

TEST(RequestHeadWriter, ForwardsExpectUnlessTheCallerAnswersIt) {
  const std::string text =
      "PUT /a?b HTTP/1.1\r\nHost: h.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  RequestFacts about = facts();
  EXPECT_TRUE(contains(rewrite(text, about), "\r\nExpect: 100-continue\r\n"));
  about.forward_expect = false;
  EXPECT_FALSE(contains(rewrite(text, about), "Expect"));
}

TEST(RequestHeadWriter, ReplacesWhatAnUntrustedClientClaims) {
  EXPECT_EQ(
      rewrite(get("X-Forwarded-For: 1.2.3.4\r\nx-forwarded-proto: http\r\n"
                  "X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"
                  "X-Forwarded-Prefix: /admin\r\nX-Forwarded-SSL: on\r\n"
                  "Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Request-Id: theirs\r\n")),
      kBegin + kOurs);
}

TEST(RequestHeadWriter, DropsNamesThatWsgiConfusesWithOurs) {
  const std::string lines =
      "X_Forwarded_For: 1.2.3.4\r\nX-Forwarded_Proto: http\r\nX_Request-Id: a\r\n"
      "Content_Length: 9\r\nTransfer_Encoding: chunked\r\nX_REAL_IP: b\r\nX_Forwarded_Ssl: on\r\n"
      "X-Forwarded-Client_Cert: c\r\nMy_Own: kept\r\n";
  EXPECT_EQ(rewrite(get(lines)), kBegin + "My_Own: kept\r\n" + kOurs);
  EXPECT_EQ(rewrite(get(lines), trusted_facts()), kBegin + "My_Own: kept\r\n" + kOurs);
}

TEST(RequestHeadWriter, ExtendsWhatATrustedProxySays) {
  EXPECT_EQ(rewrite(get("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8, 9.9.9.9\r\n"
                        "X-Forwarded-Proto: http\r\nX-Forwarded-Host: outer\r\n"
                        "X-Forwarded-Port: 80\r\nX-Real-IP: 1.2.3.4\r\n"
                        "Forwarded: for=1.2.3.4;proto=http\r\nX-Request-Id: theirs\r\n"
                        "Via: 1.1 outer\r\n"),
                    trusted_facts()),
            kBegin +
                "X-Forwarded-Proto: http\r\nX-Forwarded-Host: outer\r\nX-Forwarded-Port: 80\r\n"
                "X-Real-IP: 1.2.3.4\r\nVia: 1.1 outer\r\n"
                "X-Forwarded-For: 1.2.3.4, 5.6.7.8, 9.9.9.9, 203.0.113.7\r\n"
                "Forwarded: for=1.2.3.4;proto=http, for=203.0.113.7;proto=https;"
                "host=\"h.example\"\r\n"
                "X-Request-Id: theirs\r\nVia: 1.1 flaskscale\r\n\r\n");
}

TEST(RequestHeadWriter, WritesNoForwardedThatContradictsATrustedProxy) {
  EXPECT_FALSE(
      contains(rewrite(get("X-Forwarded-For: 1.2.3.4\r\n"), trusted_facts()), "\r\nForwarded:"));
  EXPECT_EQ(rewrite(get(""), trusted_facts()), kBegin + kOurs);
}

TEST(RequestHeadWriter, ReplacesAnInvalidRequestIdOfATrustedProxy) {
  for (const std::string& id :
       {std::string("a b"), std::string("<x>"), std::string(129, 'a'), std::string()}) {
    EXPECT_TRUE(contains(rewrite(get("X-Request-Id: " + id + "\r\n"), trusted_facts()),
                         "X-Request-Id: req-1\r\n"))
        << id;
  }
  EXPECT_TRUE(is_valid_request_id(std::string(128, 'a')));
}

TEST(RequestHeadWriter, WritesIpv6AddressesAsForwardedWants) {
  RequestFacts about = facts();
  about.client_address = "2001:db8::1";
  const std::string out = rewrite("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", about);
  EXPECT_TRUE(contains(out, "Host: [::1]:8080\r\n"));
  EXPECT_TRUE(contains(out, "X-Forwarded-For: 2001:db8::1\r\n"));
  EXPECT_TRUE(
      contains(out, "Forwarded: for=\"[2001:db8::1]\";proto=https;host=\"[::1]:8080\"\r\n"));
}

TEST(RequestHeadWriter, UsesTheAuthorityAndPathOfAnAbsoluteTarget) {
  const std::string out = rewrite("GET http://H.example/x HTTP/1.1\r\nHost: h.example\r\n\r\n");
  EXPECT_TRUE(out.starts_with("GET /x HTTP/1.1\r\nHost: H.example\r\n")) << out;
}

TEST(RequestHeadWriter, SpeaksHttp11ForAnHttp10Client) {
  EXPECT_EQ(rewrite("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 203.0.113.7\r\n"
            "X-Forwarded-Proto: https\r\nForwarded: for=203.0.113.7;proto=https\r\n"
            "X-Request-Id: req-1\r\nVia: 1.0 flaskscale\r\n\r\n");
  EXPECT_TRUE(
      rewrite("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("OPTIONS * HTTP/1.1\r\n"));
}

TEST(RequestHeadWriter, ReusesTheStorageOfItsOutput) {
  const ParsedRequest parsed(get("Accept: */*\r\nUser-Agent: x\r\n"));
  std::string out;
  write_request_head(parsed.head, facts(), out);
  const char* storage = out.data();
  for (int i = 0; i < 10; ++i) {
    out.clear();
    write_request_head(parsed.head, facts(), out);
  }
  EXPECT_EQ(out.data(), storage);
}

TEST(RequestHeadWriter, HasRoomForTheLargestParts) {
  const std::string host(255, 'h');
  std::string lines;
  for (int i = 0; i < 90; ++i) lines += "X-Forwarded-For: " + std::string(200, 'a') + "\r\n";
  const std::string out =
      rewrite("GET /" + std::string(8000, 'p') + " HTTP/1.1\r\nHost: " + host + "\r\n" + lines +
                  "Forwarded: " + std::string(500, 'f') + "\r\n\r\n",
              trusted_facts());
  EXPECT_TRUE(out.ends_with("Via: 1.1 flaskscale\r\n\r\n"));
  EXPECT_FALSE(contains(out, std::string(1, '\0')));
}

}  // namespace
}  // namespace flaskscale::http
