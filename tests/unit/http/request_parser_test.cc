#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

constexpr std::string_view kBrowser =
    "GET /shop/items?page=2 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: Mozilla/5.0\r\n"
    "Accept: text/html,*/*;q=0.8\r\nEmpty:\r\nTabbed:\t a\tb \t\r\nConnection: keep-alive\r\n\r\n";

std::string complete(std::string_view text) { return "complete " + std::to_string(text.size()); }

// A head of one request line and the given field lines, HTTP/1.1 with a Host.
std::string with_fields(std::string_view request_line, std::string_view lines) {
  return std::string(request_line) + "\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

TEST(RequestParser, ReadsEveryPartOfABrowserRequest) {
  const ParsedRequest parsed(kBrowser);

  ASSERT_EQ(parsed.outcome, complete(kBrowser));
  EXPECT_EQ(parsed.head.method, Method::get);
  EXPECT_EQ(parsed.head.method_text, "GET");
  EXPECT_EQ(parsed.head.target, "/shop/items?page=2");
  EXPECT_EQ(parsed.head.path, "/shop/items?page=2");
  EXPECT_EQ(parsed.head.form, TargetForm::origin);
  EXPECT_EQ(parsed.head.authority, "shop.example.com");
  EXPECT_EQ(parsed.head.version, Version::http11);
  EXPECT_EQ(parsed.head.framing, Framing::none);
  EXPECT_TRUE(parsed.head.keep_alive);
  ASSERT_EQ(parsed.head.fields.size(), 6u);
  EXPECT_EQ(find_field(parsed.head.fields, "empty"), "");
  EXPECT_EQ(find_field(parsed.head.fields, "TABBED"), "a\tb");
  EXPECT_EQ(parsed.head.fields[1].name, "User-Agent");
}

TEST(RequestParser, GivesTheSameResultForEverySplit) {
  const std::string text = std::string(kBrowser) + "body bytes \x01\n";
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(request_outcome_split_at(text, split), complete(kBrowser)) << split;
  }
}

TEST(RequestParser, GivesTheSameResultByteByByte) {
  Http1RequestParser parser;
  RequestHead head;
  for (size_t size = 0; size < kBrowser.size(); ++size) {
    ASSERT_EQ(describe(parser.parse(kBrowser.substr(0, size), {}, head)), "more") << size;
  }
  EXPECT_EQ(describe(parser.parse(kBrowser, {}, head)), complete(kBrowser));
  EXPECT_EQ(head.fields.size(), 6u);
}

TEST(RequestParser, LeavesPipelinedBytesAlone) {
  const std::string two = std::string(kBrowser) + std::string(kBrowser);
  Http1RequestParser parser;
  RequestHead head;

  ASSERT_EQ(describe(parser.parse(two, {}, head)), complete(kBrowser));
  const std::string_view rest = std::string_view(two).substr(kBrowser.size());

  EXPECT_EQ(describe(parser.parse(rest, {}, head)), complete(kBrowser));
}

TEST(RequestParser, KeepsTheCapacityOfTheFields) {
  Http1RequestParser parser;
  RequestHead head;
  (void)parser.parse(kBrowser, {}, head);
  const Field* storage = head.fields.data();

  for (int i = 0; i < 10; ++i) (void)parser.parse(kBrowser, {}, head);

  EXPECT_EQ(head.fields.data(), storage);
  EXPECT_EQ(head.fields.size(), 6u);
}

TEST(RequestParser, SkipsAFewEmptyLinesAndCountsThem) {
  const std::string text = "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(ParsedRequest(text).outcome, complete(text));
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(request_outcome_split_at(text, split), complete(text));
  }
  EXPECT_EQ(ParsedRequest("\r\n\r\n\r\n\r\n\r\nGET").outcome, "400 too_many_empty_lines");
}

TEST(RequestParser, ForgetsAPartialHeadOnReset) {
  Http1RequestParser parser;
  RequestHead head;
  (void)parser.parse("GET / HTTP/1.1\r\nHo", {}, head);

  parser.reset();

  EXPECT_EQ(describe(parser.parse(kBrowser, {}, head)), complete(kBrowser));
}

TEST(RequestParser, KnowsTheCommonMethods) {
  const std::vector<std::pair<std::string, Method>> methods = {
      {"GET", Method::get},         {"HEAD", Method::head},   {"POST", Method::post},
      {"PUT", Method::put},         {"PATCH", Method::patch}, {"DELETE", Method::delete_},
      {"OPTIONS", Method::options}, {"TRACE", Method::trace}, {"PROPFIND", Method::other},
      {"M-SEARCH", Method::other},  {"PURGE", Method::other}, {"UNSUBSCRIBE", Method::other},
      {"MKCALENDAR", Method::other}};
  for (const auto& [name, method] : methods) {
    const ParsedRequest parsed(with_fields(name + " / HTTP/1.1", ""));
    EXPECT_TRUE(parsed.outcome.starts_with("complete")) << name << " " << parsed.outcome;
    EXPECT_EQ(parsed.head.method, method) << name;
    EXPECT_EQ(parsed.head.method_text, name);
  }
}

TEST(RequestParser, TakesTheAuthorityOfAnAbsoluteTarget) {
  const ParsedRequest parsed("GET HTTP://Example.com:80/a?b HTTP/1.1\r\nHost: example.COM\r\n\r\n");

  ASSERT_TRUE(parsed.outcome.starts_with("complete")) << parsed.outcome;
  EXPECT_EQ(parsed.head.form, TargetForm::absolute);
  EXPECT_EQ(parsed.head.authority, "Example.com:80");
  EXPECT_EQ(parsed.head.path, "/a?b");
}

TEST(RequestParser, MakesUpThePathOfABareAbsoluteTarget) {
  EXPECT_EQ(ParsedRequest("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").head.path, "/");
  EXPECT_EQ(ParsedRequest("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n").head.path, "*");
  EXPECT_EQ(ParsedRequest("GET https://h/ HTTP/1.1\r\nHost: h:443\r\n\r\n").head.path, "/");
}

TEST(RequestParser, AcceptsAsteriskFormForOptionsOnly) {
  const ParsedRequest parsed(with_fields("OPTIONS * HTTP/1.1", ""));

  EXPECT_EQ(parsed.head.form, TargetForm::asterisk);
  EXPECT_EQ(parsed.head.path, "*");
  EXPECT_EQ(ParsedRequest(with_fields("GET * HTTP/1.1", "")).outcome, "400 bad_target");
}

TEST(RequestParser, AcceptsEveryValidHost) {
  for (const std::string host :
       {"example.com", "example.com:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535",
        "[2001:db8::7]", "[1:2:3:4:5:6:7:8]", "[::ffff:192.0.2.1]", "a_b-c.d~e", "xn--bcher-kva.ch",
        "a%41b", "h.", "a,b"}) {
    const ParsedRequest parsed("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_TRUE(parsed.outcome.starts_with("complete")) << host << " " << parsed.outcome;
    EXPECT_EQ(parsed.head.authority, host);
  }
}

TEST(RequestParser, LetsHttp10OmitHost) {
  const ParsedRequest parsed("GET / HTTP/1.0\r\n\r\n");

  ASSERT_TRUE(parsed.outcome.starts_with("complete"));
  EXPECT_EQ(parsed.head.version, Version::http10);
  EXPECT_EQ(parsed.head.authority, "");
  EXPECT_FALSE(parsed.head.keep_alive);
}

TEST(RequestParser, ReadsFraming) {
  const ParsedRequest length(with_fields("POST / HTTP/1.1", "Content-Length: 0012\r\n"));
  const ParsedRequest zero(with_fields("POST / HTTP/1.1", "content-length:0\r\n"));
  const ParsedRequest chunked(with_fields("PUT / HTTP/1.1", "Transfer-Encoding:\tChunked \r\n"));
  const ParsedRequest largest(
      with_fields("PUT / HTTP/1.1", "Content-Length: 9223372036854775807\r\n"));

  EXPECT_EQ(length.head.framing, Framing::content_length) << length.outcome;
  EXPECT_EQ(length.head.content_length, 12u);
  EXPECT_EQ(zero.head.framing, Framing::content_length);
  EXPECT_EQ(zero.head.content_length, 0u);
  EXPECT_EQ(chunked.head.framing, Framing::chunked) << chunked.outcome;
  EXPECT_EQ(largest.head.content_length, 9223372036854775807u) << largest.outcome;
}

TEST(RequestParser, AllowsABodyWithGetAndHead) {
  for (const std::string method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
    const ParsedRequest parsed(with_fields(method + " / HTTP/1.1", "Content-Length: 3\r\n"));
    EXPECT_EQ(parsed.head.framing, Framing::content_length) << method;
    EXPECT_EQ(parsed.head.content_length, 3u);
  }
}

TEST(RequestParser, ComputesKeepAliveForBothVersions) {
  const auto keeps = [](std::string_view version, std::string_view connection) {
    std::string text = "GET / HTTP/" + std::string(version) + "\r\nHost: h\r\n";
    if (!connection.empty()) text += "Connection: " + std::string(connection) + "\r\n";
    return ParsedRequest(text + "\r\n").head.keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_TRUE(keeps("1.1", "keep-alive"));
  EXPECT_FALSE(keeps("1.1", "Close"));
  EXPECT_FALSE(keeps("1.1", "x-foo, close"));
  EXPECT_FALSE(keeps("1.1", "close\t"));
  EXPECT_FALSE(keeps("1.1", "keep-alive, close"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Keep-Alive"));
  EXPECT_FALSE(keeps("1.0", "keep-alive,close"));
}

TEST(RequestParser, ReportsExpectContinueOnlyWhereItMeansSomething) {
  const std::string expect = "Expect: 100-Continue\r\n";
  EXPECT_TRUE(ParsedRequest(with_fields("PUT / HTTP/1.1", expect + "Content-Length: 1\r\n"))
                  .head.expect_continue);
  EXPECT_FALSE(ParsedRequest(with_fields("PUT / HTTP/1.1", expect)).head.expect_continue);
  EXPECT_FALSE(ParsedRequest(with_fields("PUT / HTTP/1.0", expect + "Content-Length: 1\r\n"))
                   .head.expect_continue);
  EXPECT_EQ(ParsedRequest(with_fields("PUT / HTTP/1.1", "Expect: coffee\r\n")).outcome,
            "417 expectation_failed");
}

TEST(RequestParser, ReportsAnUpgradeOnlyWhenConnectionNamesIt) {
  const auto upgrade = [](std::string_view version, std::string_view lines) {
    const ParsedRequest parsed(with_fields("GET / HTTP/" + std::string(version), lines));
    EXPECT_TRUE(parsed.outcome.starts_with("complete")) << parsed.outcome;
    return std::string(parsed.head.upgrade);
  };
  const std::string websocket = "Upgrade: websocket\r\n";
  EXPECT_EQ(upgrade("1.1", "Connection: keep-alive, Upgrade\r\n" + websocket), "websocket");
  EXPECT_EQ(upgrade("1.1", "Connection: upgrade\r\nUpgrade: foo/2, bar\r\n"), "foo/2, bar");
  EXPECT_EQ(upgrade("1.1", websocket), "");
  EXPECT_EQ(upgrade("1.1", "Connection: upgrade\r\n"), "");
  EXPECT_EQ(upgrade("1.0", "Connection: upgrade\r\n" + websocket), "");
  EXPECT_EQ(upgrade("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), "");
  EXPECT_EQ(upgrade("1.1", "Connection: upgrade\r\nUpgrade: websocket, H2C\r\n"), "");
  EXPECT_EQ(upgrade("1.1", "Connection: upgrade\r\n" + websocket + websocket), "");
  EXPECT_EQ(upgrade("1.1", "Connection: upgrade\r\nUpgrade: a b\r\n"), "");
  EXPECT_EQ(upgrade("1.1", "Connection: upgrade\r\nContent-Length: 4\r\n" + websocket), "");
}

TEST(RequestParser, AcceptsBytesAbove127InValuesOnly) {
  EXPECT_TRUE(ParsedRequest(with_fields("GET / HTTP/1.1", "X-A: caf\xC3\xA9\r\n"))
                  .outcome.starts_with("complete"));
  EXPECT_EQ(ParsedRequest(with_fields("GET / HTTP/1.1", "X-\xC3\xA9: a\r\n")).outcome,
            "400 bad_field_line");
  EXPECT_EQ(ParsedRequest(with_fields("GET /\xC3\xA9 HTTP/1.1", "")).outcome, "400 bad_target");
}

TEST(RequestParser, EnforcesItsLimits) {
  const HeadLimits limits{.head_bytes = 200, .fields = 3, .target_bytes = 20};
  const std::string target(20, '/');
  const std::string at_limit = with_fields("GET " + target + " HTTP/1.1", "A: b\r\nC: d\r\n");
  EXPECT_EQ(ParsedRequest(at_limit, limits).outcome, complete(at_limit));
  const std::string long_target = with_fields("GET " + target + "x HTTP/1.1", "");
  const std::string many = with_fields("GET / HTTP/1.1", "A: b\r\nC: d\r\nE: f\r\n");
  const std::string large = with_fields("GET / HTTP/1.1", "A: " + std::string(200, 'b') + "\r\n");
  for (size_t split = 0; split <= long_target.size(); ++split) {
    EXPECT_EQ(request_outcome_split_at(long_target, split, limits), "414 uri_too_long");
  }
  for (size_t split = 0; split <= many.size(); ++split) {
    EXPECT_EQ(request_outcome_split_at(many, split, limits), "431 too_many_fields");
  }
  for (size_t split = 0; split <= large.size(); ++split) {
    EXPECT_EQ(request_outcome_split_at(large, split, limits), "431 head_too_large");
  }
}

TEST(RequestParser, AcceptsAHeadOfExactlyTheLimit) {
  const std::string text = with_fields("GET / HTTP/1.1", "A: b\r\n");
  const auto size = static_cast<uint32_t>(text.size());
  EXPECT_EQ(ParsedRequest(text, {.head_bytes = size}).outcome, complete(text));
  EXPECT_EQ(ParsedRequest(text, {.head_bytes = size - 1}).outcome, "431 head_too_large");
}

TEST(RequestParser, RefusesALongTargetBeforeItsEnd) {
  const std::string begin = "GET /" + std::string(9000, 'a');
  EXPECT_EQ(ParsedRequest(begin).outcome, "414 uri_too_long");
}

}  // namespace
}  // namespace flaskscale::http
