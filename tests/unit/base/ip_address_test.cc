#include "base/ip_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <unordered_set>

namespace flaskscale {
namespace {

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }
IpNetwork network(std::string_view text) { return *IpNetwork::parse(text); }

TEST(IpAddress, IsReadBackFromItsText) {
  for (const std::string_view text : {"10.0.0.1", "0.0.0.0", "::", "::1", "2001:db8::1"}) {
    EXPECT_EQ(to_string(address(text)), text);
  }
  EXPECT_EQ(to_string(address("2001:0DB8:0::0:1")), "2001:db8::1");
}

TEST(IpAddress, AppendsItsText) {
  std::string text = "for=";
  address("10.0.0.1").append_to(text);
  EXPECT_EQ(text, "for=10.0.0.1");
}

TEST(IpAddress, MapsIpv4) {
  EXPECT_EQ(address("::ffff:10.0.0.1"), address("10.0.0.1"));
  EXPECT_TRUE(address("::ffff:10.0.0.1").is_v4());
  EXPECT_FALSE(address("::1").is_v4());
  EXPECT_FALSE(address("::").is_v4());
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "[::1]", "::1%lo", "1.2.3.4:80", "localhost",
        " 1.2.3.4", "1.2.3.4 ", "01.2.3.4", "::g"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST(IpAddress, ComesFromASocketAddress) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0a000001);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  sockaddr other{};
  other.sa_family = AF_UNIX;

  EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr&>(v4)), address("10.0.0.1"));
  EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr&>(v6)), address("::1"));
  EXPECT_EQ(IpAddress::from_sockaddr(other), std::nullopt);
}

TEST(IpAddress, IsAKeyOfAHashTable) {
  const std::unordered_set<IpAddress> set = {address("10.0.0.1"), address("::ffff:10.0.0.1"),
                                             address("::1")};
  EXPECT_EQ(set.size(), 2U);
}

TEST(IpNetwork, HoldsWhatSharesItsPrefix) {
  EXPECT_TRUE(network("10.0.0.0/8").contains(address("10.255.0.1")));
  EXPECT_FALSE(network("10.0.0.0/8").contains(address("11.0.0.0")));
  EXPECT_TRUE(network("192.168.4.0/23").contains(address("192.168.5.255")));
  EXPECT_FALSE(network("192.168.4.0/23").contains(address("192.168.6.0")));
  EXPECT_TRUE(network("2001:db8::/33").contains(address("2001:db8:7fff::1")));
  EXPECT_FALSE(network("2001:db8::/33").contains(address("2001:db8:8000::1")));
  EXPECT_TRUE(network("10.0.0.0/8").contains(address("::ffff:10.1.1.1")));
}

TEST(IpNetwork, OfOneAddressHoldsOnlyThat) {
  EXPECT_TRUE(network("127.0.0.1").contains(address("127.0.0.1")));
  EXPECT_FALSE(network("127.0.0.1").contains(address("127.0.0.2")));
  EXPECT_TRUE(network("::1").contains(address("::1")));
  EXPECT_FALSE(network("::1/128").contains(address("::2")));
}

TEST(IpNetwork, OfEverythingHoldsItsOwnFamilyOnly) {
  EXPECT_TRUE(network("0.0.0.0/0").contains(address("8.8.8.8")));
  EXPECT_FALSE(network("0.0.0.0/0").contains(address("::1")));
  EXPECT_TRUE(network("::/0").contains(address("2001:db8::1")));
  EXPECT_FALSE(network("::/0").contains(address("8.8.8.8")));
}

TEST(IpNetwork, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/8/8",
        "::/129", "10.0.0/8", "localhost", "10.0.0.0/4294967297"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
}

TEST(IpNetwork, RefusesBitsBeyondThePrefix) {
  EXPECT_EQ(IpNetwork::parse("10.0.0.5/8").error().detail,
            "\"10.0.0.5/8\" has bits set beyond its prefix: write \"10.0.0.0/8\"");
  EXPECT_FALSE(IpNetwork::parse("2001:db8::1/64"));
}

}  // namespace
}  // namespace flaskscale
