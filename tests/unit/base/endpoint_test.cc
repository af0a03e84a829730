#include "base/endpoint.h"

#include <gtest/gtest.h>

namespace flaskscale {
namespace {

TEST(Endpoint, ReadsNamesAndAddresses) {
  EXPECT_EQ(*parse_endpoint("app.internal:8000"), (Endpoint{"app.internal", 8000}));
  EXPECT_EQ(*parse_endpoint("my_app-1:80"), (Endpoint{"my_app-1", 80}));
  EXPECT_EQ(*parse_endpoint("127.0.0.1:0"), (Endpoint{"127.0.0.1", 0}));
  EXPECT_EQ(*parse_endpoint("[::1]:65535"), (Endpoint{"::1", 65535}));
}

TEST(Endpoint, IsReadBackFromItsText) {
  for (const std::string_view text : {"app.internal:8000", "127.0.0.1:0", "[2001:db8::1]:80"}) {
    EXPECT_EQ(to_string(*parse_endpoint(text)), text);
  }
}

TEST(Endpoint, KnowsAddressesFromNames) {
  EXPECT_TRUE(has_numeric_host(*parse_endpoint("127.0.0.1:80")));
  EXPECT_TRUE(has_numeric_host(*parse_endpoint("[::1]:80")));
  EXPECT_FALSE(has_numeric_host(*parse_endpoint("localhost:80")));
}

TEST(Endpoint, RefusesWhatIsNoHostAndPort) {
  for (const std::string_view text : {"",
                                      ":",
                                      ":80",
                                      "host",
                                      "host:",
                                      "host:65536",
                                      "host:-1",
                                      "host:+1",
                                      "host: 80",
                                      "host:8o",
                                      "host:80 ",
                                      " host:80",
                                      "ho st:80",
                                      "[::1]",
                                      "[::1]80",
                                      "[::1]:",
                                      "[::1",
                                      "[]:80",
                                      "[host]:80",
                                      "[127.0.0.1]:80",
                                      "[fe80::1%eth0]:80",
                                      "::1:80",
                                      "256.1.1.1:80",
                                      "1.2.3:80",
                                      "1.2.3.4.:80",
                                      "a..b:80",
                                      ".a:80",
                                      "http://host:80",
                                      "host/x:80",
                                      "user@host:80",
                                      "h\xc3\xb6st:80"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
  EXPECT_FALSE(parse_endpoint(std::string(64, 'a') + ":80"));
  EXPECT_FALSE(parse_endpoint(std::string_view("a\0b:80", 6)));
}

TEST(Endpoint, SaysHowToWriteIpv6) {
  EXPECT_EQ(parse_endpoint("::1:80").error().detail,
            "\"::1:80\" needs brackets around an IPv6 address: write \"[::1]:80\"");
}

TEST(Endpoint, CutsThePortOff) {
  EXPECT_EQ(without_port("shop.example"), "shop.example");
  EXPECT_EQ(without_port("shop.example:8080"), "shop.example");
  EXPECT_EQ(without_port("[2001:db8::1]:80"), "[2001:db8::1]");
  EXPECT_EQ(without_port("[2001:db8::1]"), "[2001:db8::1]");
  EXPECT_EQ(without_port("[2001"), "[2001");
  EXPECT_EQ(without_port(":80"), "");
  EXPECT_EQ(without_port(""), "");
}

TEST(Endpoint, ReadsUnixSockets) {
  EXPECT_TRUE(is_unix_address("unix:x"));
  EXPECT_FALSE(is_unix_address("unix.example:80"));
  EXPECT_EQ(*parse_unix_address("unix:/run/app.sock"), "/run/app.sock");
  EXPECT_TRUE(parse_unix_address("unix:/" + std::string(106, 'a')));
  const std::string too_long = "unix:/" + std::string(107, 'a');
  for (const std::string_view text :
       {"unix:", "unix:a.sock", "unix:/run/", "/run/app.sock", "unix:/a\nb", too_long.c_str()}) {
    EXPECT_FALSE(parse_unix_address(text)) << text;
  }
}

}  // namespace
}  // namespace flaskscale
