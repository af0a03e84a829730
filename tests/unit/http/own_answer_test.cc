#include <gtest/gtest.h>

#include <string>

#include "proxy/http/head_writer.h"
#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

std::string write(const OwnAnswer& answer) {
  std::string out;
  write_own_answer(answer, out);
  return out;
}

TEST(OwnAnswer, IsCompleteAsJson) {
  const std::string body =
      "{\"status\":503,\"error\":\"Service Unavailable\",\"reason\":\"queue_full\","
      "\"request_id\":\"req-1\"}\n";
  EXPECT_EQ(write({.status = 503,
                   .reason = "queue_full",
                   .request_id = "req-1",
                   .retry_after_s = 7,
                   .wants_json = true,
                   .date = "Sat, 21 Nov 2026 10:00:00 GMT"}),
            "HTTP/1.1 503 Service Unavailable\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
            "Content-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) +
                "\r\nCache-Control: no-store\r\nX-Request-Id: req-1\r\nRetry-After: 7\r\n\r\n" +
                body);
}

TEST(OwnAnswer, IsCompleteAsHtmlAndParsesAgain) {
  const std::string text = write({.status = 404, .reason = "no_route", .request_id = "req-1"});
  const ParsedResponse parsed(text);

  ASSERT_TRUE(parsed.outcome.starts_with("complete"));
  EXPECT_EQ(parsed.head.status, 404);
  const size_t body = text.find("\r\n\r\n") + 4;
  EXPECT_EQ(parsed.head.content_length, text.size() - body);
  EXPECT_NE(text.find("404 Not Found</h1>", body), std::string::npos);
  EXPECT_NE(text.find("no_route", body), std::string::npos);
  EXPECT_NE(text.find("req-1", body), std::string::npos);
}

TEST(OwnAnswer, HasNoBodyForHead) {
  const OwnAnswer answer{.status = 502, .reason = "backend_closed"};
  OwnAnswer head = answer;
  head.head_only = true;

  const std::string with_body = write(answer);

  EXPECT_EQ(write(head), with_body.substr(0, with_body.find("\r\n\r\n") + 4));
}

TEST(OwnAnswer, SaysWhatHappensToTheConnection) {
  EXPECT_NE(
      write({.status = 400, .after = ClientConnectionAfter::close}).find("Connection: close\r\n"),
      std::string::npos);
  EXPECT_EQ(write({.status = 400}).find("Connection:"), std::string::npos);
  EXPECT_NE(
      write({.status = 404, .client_version = Version::http10}).find("Connection: keep-alive\r\n"),
      std::string::npos);
}

TEST(OwnAnswer, EscapesWhatItShows) {
  const std::string html = write({.status = 400, .reason = "<script>&\"", .request_id = "a&b"});
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;&amp;&quot;"), std::string::npos);
  const std::string json = write({.status = 400, .reason = "a\"b\\", .wants_json = true});
  EXPECT_NE(json.find("\"reason\":\"a?b?\""), std::string::npos);
}

TEST(StatusPhrase, NamesWhatIsKnown) {
  EXPECT_EQ(status_phrase(503), "Service Unavailable");
  EXPECT_EQ(status_phrase(103), "Early Hints");
  EXPECT_EQ(status_phrase(200), "OK");
  EXPECT_EQ(status_phrase(308), "Permanent Redirect");
  EXPECT_EQ(status_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(status_phrase(599), "");
  EXPECT_EQ(status_phrase(0), "");
}

TEST(Accept, PrefersJsonOnlyWhenItIsWantedMore) {
  EXPECT_TRUE(prefers_json("application/json"));
  EXPECT_TRUE(prefers_json("application/json, text/plain, */*"));
  EXPECT_TRUE(prefers_json("Application/JSON;charset=utf-8"));
  EXPECT_TRUE(prefers_json("application/problem+json"));
  EXPECT_TRUE(prefers_json("text/html;q=0.5, application/json;q=0.9"));
  EXPECT_TRUE(prefers_json("application/json, text/html"));
  EXPECT_TRUE(prefers_json("application/*, text/html;q=0.1"));
  EXPECT_FALSE(prefers_json(""));
  EXPECT_FALSE(prefers_json("*/*"));
  EXPECT_FALSE(prefers_json("text/html, application/json"));
  EXPECT_FALSE(prefers_json("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
  EXPECT_FALSE(prefers_json("application/json;q=0"));
  EXPECT_FALSE(prefers_json("application/json;q=0.5, */*"));
  EXPECT_FALSE(prefers_json("text/html;level=1, application/json;q=0.7"));
}

}  // namespace
}  // namespace flaskscale::http
