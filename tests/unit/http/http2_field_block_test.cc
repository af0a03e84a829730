#include "proxy/http/http2_field_block.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace flaskscale::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields kGet = {
    {":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/a?b"}};

class FieldBlock : public testing::Test {
 protected:
  Malformed read(const Fields& fields, bool last = true) {
    block_.begin(limits_);
    for (const auto& [name, value] : fields) block_.add(name, value);
    return block_.read_request(last, head_);
  }
  // kGet with a pseudo-header's other value, or without it.
  static Fields with(const std::string& name, const std::string& value) {
    Fields fields = kGet;
    for (auto& field : fields) {
      if (field.first == name) field.second = value;
    }
    return fields;
  }
  static Fields without(const std::string& name) {
    Fields fields = kGet;
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    return fields;
  }
  static Fields plus(Fields fields, const Fields& more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  std::string refused(const Fields& fields, bool last = true) {
    const Malformed wrong = read(fields, last);
    return std::to_string(wrong.status) + " " + std::string(wrong.reason);
  }

  HeadLimits limits_;
  Http2FieldBlock block_;
  RequestHead head_;
};

TEST_F(FieldBlock, GivesTheHeadOfAGet) {
  EXPECT_EQ(read(plus(kGet, {{"accept", "*/*"}})).status, 0);
  EXPECT_EQ(head_.method, Method::get);
  EXPECT_EQ(head_.authority, "shop.example");
  EXPECT_EQ(head_.path, "/a?b");
  EXPECT_EQ(head_.version, Version::http2);
  EXPECT_EQ(head_.framing, Framing::none);
  ASSERT_EQ(head_.fields.size(), 1U);
  EXPECT_EQ(head_.fields[0].name, "accept");
}

TEST_F(FieldBlock, JoinsCookieCrumbsWhereTheFirstStood) {
  EXPECT_EQ(
      read(plus(kGet, {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c"}})).status,
      0);
  ASSERT_EQ(head_.fields.size(), 2U);
  EXPECT_EQ(head_.fields[0].value, "a=1; b=2; c");
  EXPECT_EQ(head_.fields[1].name, "x");
}

TEST_F(FieldBlock, ChoosesTheFramingForTheBackend) {
  EXPECT_EQ(read(with(":method", "POST"), false).status, 0);
  EXPECT_EQ(head_.framing, Framing::chunked);
  EXPECT_EQ(read(plus(with(":method", "POST"), {{"content-length", "5"}}), false).status, 0);
  EXPECT_EQ(head_.framing, Framing::content_length);
  EXPECT_EQ(head_.content_length, 5U);
  EXPECT_EQ(read(plus(with(":method", "POST"), {{"content-length", "0"}})).status, 0);
  EXPECT_EQ(head_.framing, Framing::content_length);
  EXPECT_EQ(read(with(":method", "POST")).status, 0);
  EXPECT_EQ(head_.framing, Framing::none);
}

TEST_F(FieldBlock, TakesHostWhereThereIsNoAuthority) {
  EXPECT_EQ(read(plus(without(":authority"), {{"host", "shop.example:80"}})).status, 0);
  EXPECT_EQ(head_.authority, "shop.example:80");
  EXPECT_EQ(read(plus(kGet, {{"host", "SHOP.example:80"}})).status, 0);
}

TEST_F(FieldBlock, RefusesWhatTheParserOfHttp1Refuses) {
  EXPECT_EQ(refused(without(":authority")), "400 missing_host");
  EXPECT_EQ(refused(plus(kGet, {{"host", "other.example"}})), "400 host_mismatch");
  EXPECT_EQ(refused(plus(kGet, {{"host", "shop.example"}, {"host", "shop.example"}})),
            "400 duplicate_host");
  EXPECT_EQ(refused(plus(kGet, {{"host", "a b"}})), "400 bad_host");
  EXPECT_EQ(refused(with(":authority", "me@shop.example")), "400 bad_host");
  EXPECT_EQ(refused(with(":authority", "")), "400 bad_host");
  EXPECT_EQ(refused(with(":authority", "shop.example/a")), "400 bad_host");
  EXPECT_EQ(refused(with(":path", "here")), "400 bad_target");
  EXPECT_EQ(refused(with(":path", "/a b")), "400 bad_target");
  EXPECT_EQ(refused(with(":path", "/a#b")), "400 bad_target");
  EXPECT_EQ(refused(with(":path", "*")), "400 bad_target");
  EXPECT_EQ(refused(with(":path", "")), "400 bad_target");
  EXPECT_EQ(refused(with(":scheme", "ftp")), "400 bad_scheme");
  EXPECT_EQ(refused(with(":method", "G T")), "400 bad_method");
  EXPECT_EQ(refused(with(":method", "BREW")), "501 method_not_implemented");
  EXPECT_EQ(refused(with(":method", "CONNECT")), "501 connect_refused");
  EXPECT_EQ(refused(plus(kGet, {{"content-length", "+5"}})), "400 bad_content_length");
  EXPECT_EQ(refused(plus(kGet, {{"content-length", "5"}})),
            "400 bad_content_length");  // and no body
  EXPECT_EQ(refused(plus(kGet, {{"transfer-encoding", "chunked"}})), "400 connection_field");
  EXPECT_EQ(refused(plus(kGet, {{"expect", "more"}})), "417 expectation_failed");
  EXPECT_EQ(refused(with(":method", "TRACE"), false), "400 trace_with_content");
  EXPECT_EQ(refused(plus(kGet, {{":protocol", "websocket"}})), "400 bad_protocol");
}

TEST_F(FieldBlock, AcceptsAnAsteriskForOptionsOnly) {
  Fields fields = with(":method", "OPTIONS");
  fields[3].second = "*";
  EXPECT_EQ(read(fields).status, 0);
  EXPECT_EQ(head_.path, "*");
}

TEST_F(FieldBlock, KeepsToItsLimits) {
  limits_ = {.head_bytes = 1024, .fields = 3, .target_bytes = 10};
  EXPECT_EQ(refused(with(":path", "/" + std::string(10, 'a'))), "414 uri_too_long");
  EXPECT_EQ(refused(plus(kGet, {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}})),
            "431 too_many_fields");
  EXPECT_EQ(refused(plus(kGet, {{"a", std::string(2000, 'x')}, {"b", "1"}})), "431 head_too_large");
  EXPECT_GT(block_.bytes(), 2000U);  // counted, though not kept
  // Crumbs of one cookie are one field.
  EXPECT_EQ(
      read(plus(kGet, {{"cookie", "a"}, {"cookie", "b"}, {"cookie", "c"}, {"cookie", "d"}})).status,
      0);
}

TEST_F(FieldBlock, MakesAnUpgradeOfAnExtendedConnect) {
  const Fields fields = plus(with(":method", "CONNECT"), {{":protocol", "websocket"},
                                                          {"sec-websocket-version", "13"},
                                                          {"sec-websocket-key", "theirs"}});
  EXPECT_EQ(read(fields, false).status, 0);
  EXPECT_EQ(head_.method, Method::get);
  EXPECT_EQ(head_.method_text, "GET");
  EXPECT_EQ(head_.upgrade, "websocket");
  EXPECT_EQ(head_.framing, Framing::none);
  EXPECT_EQ(find_field(head_.fields, "sec-websocket-key"), "");
  EXPECT_EQ(refused(plus(fields, {{"content-length", "1"}}), false), "400 upgrade_with_content");
  Fields other = fields;
  other[4].second = "webtransport";
  EXPECT_EQ(refused(other, false), "501 connect_refused");
}

TEST_F(FieldBlock, ExpectsAContinueOnlyWithABody) {
  EXPECT_EQ(read(plus(with(":method", "POST"), {{"expect", "100-continue"}}), false).status, 0);
  EXPECT_TRUE(head_.expect_continue);
  EXPECT_EQ(read(plus(with(":method", "POST"), {{"expect", "100-continue"}})).status, 0);
  EXPECT_FALSE(head_.expect_continue);
}

TEST_F(FieldBlock, GivesTrailersAsLinesWithoutWhatMustNotBeThere) {
  block_.begin(limits_);
  block_.add("grpc-status", "0");
  block_.add("content-length", "5");
  block_.add("x-sum", "1 2");
  std::string lines;
  EXPECT_TRUE(block_.read_trailers(lines));
  EXPECT_EQ(lines, "grpc-status: 0\r\nx-sum: 1 2\r\n");
  block_.begin(limits_);
  block_.add("x", std::string(20000, 'x'));
  EXPECT_FALSE(block_.read_trailers(lines));
}

}  // namespace
}  // namespace flaskscale::http
