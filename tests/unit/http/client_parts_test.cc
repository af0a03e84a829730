// Who the client is, its cookies, the fields that a route changes, and where WebSocket frames end.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/http/client_address.h"
#include "proxy/http/cookie.h"
#include "proxy/http/field_edits.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/websocket_frames.h"
#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

// The client of a request from 10.0.0.1, with 10.0.0.0/8 and 2001:db8::/32 trusted.
std::string client_of(const std::vector<Field>& fields) {
  const std::vector<IpNetwork> trusted = {*IpNetwork::parse("10.0.0.0/8"),
                                          *IpNetwork::parse("2001:db8::/32")};
  return to_string(forwarded_client(fields, *IpAddress::parse("10.0.0.1"), trusted));
}

TEST(ForwardedClient, IsTheFirstUntrustedFromTheRight) {
  EXPECT_EQ(client_of({}), "10.0.0.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "203.0.113.7"}}), "203.0.113.7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "1.1.1.1, 203.0.113.7"}}), "203.0.113.7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "1.1.1.1, 203.0.113.7, 10.9.9.9,2001:db8::5"}}),
            "203.0.113.7");
  EXPECT_EQ(
      client_of({{"x-forwarded-for", "1.1.1.1, 203.0.113.7"}, {"X-Forwarded-For", "10.2.2.2"}}),
      "203.0.113.7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "10.7.7.7, 10.8.8.8"}}), "10.7.7.7");
}

TEST(ForwardedClient, StopsAtWhatIsNoAddress) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "unknown"}}), "10.0.0.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "1.1.1.1, evil, 10.2.2.2"}}), "10.2.2.2");
  EXPECT_EQ(client_of({{"X-Forwarded-For", ""}}), "10.0.0.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", ",, ,203.0.113.7 ,"}}), "203.0.113.7");
}

TEST(ForwardedClient, IgnoresPortsAndBrackets) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "203.0.113.7:1234"}}), "203.0.113.7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "[2001:dead::7]:1234"}}), "2001:dead::7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "[2001:dead::7]"}}), "2001:dead::7");
}

TEST(ForwardedClient, ReadsForwardedWhereThereIsNoList) {
  EXPECT_EQ(client_of({{"Forwarded", "for=1.1.1.1, for=203.0.113.7;proto=https, FOR=10.4.4.4"}}),
            "203.0.113.7");
  EXPECT_EQ(client_of({{"Forwarded", "proto=http;for=\"[2001:dead::7]:4711\""}}), "2001:dead::7");
  EXPECT_EQ(client_of({{"Forwarded", "for=_hidden"}}), "10.0.0.1");
  EXPECT_EQ(client_of({{"Forwarded", "for=1.1.1.1"}, {"X-Forwarded-For", "203.0.113.7"}}),
            "203.0.113.7");
}

TEST(Cookie, IsFoundByItsWholeName) {
  const std::vector<Field> fields = {{"cookie", "aa=1; a=\"2\"; b="}, {"Cookie", " c=3;a=4"}};
  EXPECT_EQ(find_cookie(fields, "a"), "2");
  EXPECT_EQ(find_cookie(fields, "aa"), "1");
  EXPECT_EQ(find_cookie(fields, "b"), "");
  EXPECT_EQ(find_cookie(fields, "c"), "3");
  EXPECT_EQ(find_cookie(fields, "A"), "");
  EXPECT_EQ(find_cookie(fields, "d"), "");
}

TEST(FieldEdits, RemoveBeforeTheyAdd) {
  const FieldEdits edits{{"x-a", "x-b"}, {{"X-B", "new"}, {"X-C", "added"}}};
  std::vector<Field> fields = {{"x-A", "1"}, {"X-b", "2"}, {"X-C", "3"}, {"X-AB", "4"}};
  edits.apply_to(fields);
  ASSERT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[0].value, "3");
  EXPECT_EQ(fields[1].value, "4");
  EXPECT_EQ(fields[2].value, "new");
  EXPECT_EQ(fields[3].value, "added");
}

std::string rewritten(const std::string& lines, const RequestFacts& facts) {
  const ParsedRequest parsed("GET /shop/x HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n");
  std::string out;
  write_request_head(parsed.head, facts, out);
  return out;
}

TEST(RequestHeadWriter, CarriesOutTheEditsOfARoute) {
  const FieldEdits edits{{"x-a", "x-set"}, {{"X-Set", "ours"}}};
  RequestFacts facts{.client_address = "203.0.113.7", .scheme = "http", .request_id = "id"};
  facts.edits = &edits;
  // The client can't take ours away by naming it in Connection.
  const std::string out =
      rewritten("X-A: 1\r\nX-Set: theirs\r\nConnection: X-Set\r\nX-B: 2\r\n", facts);
  EXPECT_EQ(out.find("X-A"), std::string::npos);
  EXPECT_EQ(out.find("theirs"), std::string::npos);
  EXPECT_NE(out.find("X-B: 2\r\nX-Set: ours\r\n"), std::string::npos);
}

TEST(RequestHeadWriter, TellsThePrefixThatWasTakenOff) {
  RequestFacts facts{.client_address = "203.0.113.7", .scheme = "http", .request_id = "id"};
  facts.path = "/x";
  facts.path_prefix = "/shop";
  const std::string untrusted = rewritten("X-Forwarded-Prefix: /evil\r\n", facts);
  EXPECT_TRUE(untrusted.starts_with("GET /x HTTP/1.1\r\n")) << untrusted;
  EXPECT_NE(untrusted.find("X-Forwarded-Prefix: /shop\r\n"), std::string::npos);
  EXPECT_EQ(untrusted.find("/evil"), std::string::npos);
  facts.client_is_trusted = true;
  EXPECT_NE(rewritten("X-Forwarded-Prefix: /outer\r\n", facts)
                .find("X-Forwarded-Prefix: /outer/shop\r\n"),
            std::string::npos);
}

// A masked or plain frame of that opcode and payload size.
std::string frame(uint8_t opcode, size_t size, bool masked) {
  std::string out(1, static_cast<char>(0x80 | opcode));
  const uint8_t mask = masked ? 0x80 : 0;
  if (size < 126) {
    out.push_back(static_cast<char>(mask | size));
  } else if (size < 65536) {
    out.push_back(static_cast<char>(mask | 126));
    out.push_back(static_cast<char>(size >> 8U));
    out.push_back(static_cast<char>(size & 0xffU));
  } else {
    out.push_back(static_cast<char>(mask | 127));
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
  }
  if (masked) out += "mask";
  return out + std::string(size, '\x88');
}

TEST(WebSocketFrames, KnowsWhereFramesEnd) {
  for (const bool masked : {false, true}) {
    for (const size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U}) {
      const std::string bytes = frame(1, size, masked);
      WebSocketFrames whole;
      whole.pass(bytes + bytes);
      EXPECT_TRUE(whole.is_at_boundary()) << size;
      WebSocketFrames parts;
      for (size_t i = 0; i + 1 < bytes.size(); i += 1 + bytes.size() / 50) {
        WebSocketFrames begun;
        begun.pass(bytes.substr(0, i + 1));
        EXPECT_FALSE(begun.is_at_boundary()) << size << " " << i;
        EXPECT_EQ(begun.pass_rest(bytes.substr(i + 1) + bytes), bytes.size() - i - 1);
        EXPECT_TRUE(begun.is_at_boundary());
      }
      EXPECT_EQ(parts.pass_rest(bytes), 0U);
      EXPECT_FALSE(whole.has_closed());
    }
  }
}

TEST(WebSocketFrames, SeesACloseFrame) {
  WebSocketFrames frames;
  frames.pass(frame(2, 300, true));
  EXPECT_FALSE(frames.has_closed());
  frames.pass(client_close_frame(0x12345678));
  EXPECT_TRUE(frames.has_closed());
  EXPECT_TRUE(frames.is_at_boundary());
}

TEST(WebSocketFrames, WritesGoingAway) {
  EXPECT_EQ(server_close_frame(), std::string("\x88\x02\x03\xe9", 4));
  const std::string masked = client_close_frame(0x04030201);
  ASSERT_EQ(masked.size(), 8U);
  EXPECT_EQ(masked.substr(0, 6), std::string("\x88\x82\x01\x02\x03\x04", 6));
  EXPECT_EQ(masked[6] ^ masked[2], 0x03);
  EXPECT_EQ(static_cast<uint8_t>(masked[7] ^ masked[3]), 0xe9);
}

}  // namespace
}  // namespace flaskscale::http
