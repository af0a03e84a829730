#include "proxy/http/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

using Status = ProxyHeader::Status;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

ProxyHeader parse(std::string_view text) {
  const ExactBytes bytes(text);
  return parse_proxy_header(bytes.view());
}

std::string v2(char command, char family, const std::string& payload) {
  std::string out = kSignature + command + family;
  out.push_back(static_cast<char>(payload.size() >> 8U));
  out.push_back(static_cast<char>(payload.size() & 0xffU));
  return out + payload;
}

const std::string kV4Payload("\xcb\x00\x71\x07\x0a\x00\x00\x01\x9c\x40\x01\xbb", 12);

// Every beginning of a right header needs more, and the header itself is whole.
void expect_whole(const std::string& header, Status status) {
  for (size_t i = 0; i < header.size(); ++i) {
    EXPECT_EQ(parse(header.substr(0, i)).status, Status::need_more) << i;
  }
  const ProxyHeader outcome = parse(header + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(outcome.status, status) << outcome.reason;
  EXPECT_EQ(outcome.bytes, header.size());
}

TEST(ProxyProtocol, ReadsVersion1) {
  const std::string v4 = "PROXY TCP4 203.0.113.7 10.0.0.1 40000 443\r\n";
  expect_whole(v4, Status::names_client);
  const ProxyHeader header = parse(v4);
  EXPECT_EQ(header.ends.client, address("203.0.113.7"));
  EXPECT_EQ(header.ends.server, address("10.0.0.1"));
  EXPECT_EQ(header.ends.client_port, 40000);
  EXPECT_EQ(header.ends.server_port, 443);

  expect_whole("PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", Status::names_client);
  EXPECT_EQ(parse("PROXY TCP6 2001:db8::7 ::1 1 2\r\n").ends.client, address("2001:db8::7"));
  expect_whole("PROXY UNKNOWN\r\n", Status::names_nobody);
  expect_whole("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Status::names_nobody);
}

TEST(ProxyProtocol, RefusesWhatIsNoVersion1) {
  for (const std::string line :
       {"PROXY\r\n", "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
        "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"}) {
    EXPECT_EQ(parse(line).status, Status::malformed) << line;
  }
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n").reason, "no_proxy_header");
  EXPECT_EQ(parse("PROX").status, Status::need_more);
  EXPECT_EQ(parse("POST").status, Status::malformed);
  EXPECT_EQ(parse("PROXY " + std::string(101, 'x')).reason, "proxy_header_too_long");
}

TEST(ProxyProtocol, ReadsVersion2) {
  expect_whole(v2('\x21', '\x11', kV4Payload), Status::names_client);
  const ProxyHeader header = parse(v2('\x21', '\x11', kV4Payload));
  EXPECT_EQ(header.ends.client, address("203.0.113.7"));
  EXPECT_EQ(header.ends.server, address("10.0.0.1"));
  EXPECT_EQ(header.ends.client_port, 40000);
  EXPECT_EQ(header.ends.server_port, 443);

  // Extensions are skipped, whatever they hold.
  expect_whole(v2('\x21', '\x11', kV4Payload + std::string("\x04\x00\x01\xff", 4)),
               Status::names_client);
  std::string v6(32, '\0');
  v6[0] = '\x20';
  v6[15] = '\x07';
  v6 += std::string("\x00\x50\x00\x51", 4);
  EXPECT_EQ(parse(v2('\x21', '\x21', v6)).ends.client, address("2000::7"));
  EXPECT_EQ(parse(v2('\x21', '\x21', v6)).ends.server_port, 0x51);
}

TEST(ProxyProtocol, TakesVersion2WithoutAClient) {
  expect_whole(v2('\x20', '\x00', ""), Status::names_nobody);
  expect_whole(v2('\x20', '\x11', kV4Payload), Status::names_nobody);
  expect_whole(v2('\x21', '\x00', "anything"), Status::names_nobody);
  expect_whole(v2('\x21', '\x12', kV4Payload), Status::names_nobody);             // UDP
  expect_whole(v2('\x21', '\x31', std::string(216, 'a')), Status::names_nobody);  // UNIX
}

TEST(ProxyProtocol, RefusesWhatIsNoVersion2) {
  EXPECT_EQ(parse(v2('\x22', '\x11', kV4Payload)).status, Status::malformed);  // command
  EXPECT_EQ(parse(v2('\x11', '\x11', kV4Payload)).status, Status::malformed);  // version
  EXPECT_EQ(parse(v2('\x21', '\x41', kV4Payload)).status, Status::malformed);  // family
  EXPECT_EQ(parse(v2('\x21', '\x13', kV4Payload)).status, Status::malformed);  // transport
  EXPECT_EQ(parse(v2('\x21', '\x11', kV4Payload.substr(1))).status, Status::malformed);
  EXPECT_EQ(parse(v2('\x21', '\x21', kV4Payload)).status, Status::malformed);
  EXPECT_EQ(parse(kSignature + "\x21\x11\xff\xff").reason, "proxy_header_too_long");
  std::string damaged = v2('\x21', '\x11', kV4Payload);
  damaged[9] = 'X';
  EXPECT_EQ(parse(damaged).reason, "no_proxy_header");
}

TEST(ProxyProtocol, ReadsBackWhatItWrites) {
  const ConnectionEnds v4{address("203.0.113.7"), address("10.0.0.1"), 40000, 443};
  const ConnectionEnds v6{address("2001:db8::7"), address("2001:db8::1"), 1, 65535};
  for (const ProxyProtocol version : {ProxyProtocol::v1, ProxyProtocol::v2}) {
    for (const ConnectionEnds& ends : {v4, v6}) {
      std::string bytes;
      write_proxy_header(version, ends, bytes);
      const ProxyHeader header = parse(bytes);
      EXPECT_EQ(header.status, Status::names_client);
      EXPECT_EQ(header.ends.client, ends.client);
      EXPECT_EQ(header.ends.server, ends.server);
      EXPECT_EQ(header.ends.client_port, ends.client_port);
      EXPECT_EQ(header.ends.server_port, ends.server_port);
    }
    for (const ConnectionEnds& ends :
         {ConnectionEnds{}, ConnectionEnds{v4.client, v6.client, 1, 2}}) {
      std::string bytes;
      write_proxy_header(version, ends, bytes);
      EXPECT_EQ(parse(bytes).status, Status::names_nobody);
      EXPECT_EQ(parse(bytes).bytes, bytes.size());
    }
  }
}

}  // namespace
}  // namespace flaskscale::http
