#include "proxy/config/host_pattern.h"

#include <gtest/gtest.h>

namespace flaskscale::config {
namespace {

TEST(Host, IsWrittenInOneWay) {
  EXPECT_EQ(*normalize_host("Shop.Example.COM"), "shop.example.com");
  EXPECT_EQ(*normalize_host("shop.example.com."), "shop.example.com");
  EXPECT_EQ(*normalize_host("*.Example.com"), "*.example.com");
  EXPECT_EQ(*normalize_host("localhost"), "localhost");
  EXPECT_EQ(*normalize_host("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(*normalize_host("[0:0::1]"), "[::1]");
  EXPECT_EQ(*normalize_host("xn--caf-dma.example"), "xn--caf-dma.example");
}

TEST(Host, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"",          "*",    "*.",        "*.*",       "a.*",  "*a.b",
        "*.*.b",     "a:80", "http://a",  "a/b",       "a b",  "caf\xc3\xa9.com",
        "a..b",      ".a",   "256.0.0.1", "*.1.2.3.4", "[::1", "::1",
        "[1.2.3.4]", "[]",   "-*.a",      "a_b?"}) {
    EXPECT_FALSE(normalize_host(text)) << text;
  }
  EXPECT_FALSE(normalize_host(std::string(300, 'a')));
}

TEST(PathPrefix, RefusesWhatIsNone) {
  EXPECT_TRUE(check_path_prefix("/"));
  EXPECT_TRUE(check_path_prefix("/a/b.c/%20~!$&'()+,;=:@"));
  for (const std::string_view text :
       {"", "api", "/a b", "/a?b", "/a#b", "/a/*", "/\xc3\xa9", "/\x7f"}) {
    EXPECT_FALSE(check_path_prefix(text)) << text;
  }
}

TEST(PathPrefix, CoversWholeSegments) {
  EXPECT_TRUE(covers_path("/api", "/api"));
  EXPECT_TRUE(covers_path("/api", "/api/"));
  EXPECT_TRUE(covers_path("/api", "/api/x"));
  EXPECT_TRUE(covers_path("/api", "/api?x"));
  EXPECT_FALSE(covers_path("/api", "/apix"));
  EXPECT_FALSE(covers_path("/api", "/ap"));
  EXPECT_FALSE(covers_path("/api", "/API"));
  EXPECT_FALSE(covers_path("/api", "/x/api"));
}

TEST(PathPrefix, WithASlashCoversOnlyWhatIsBelow) {
  EXPECT_TRUE(covers_path("/api/", "/api/"));
  EXPECT_TRUE(covers_path("/api/", "/api/x"));
  EXPECT_FALSE(covers_path("/api/", "/api"));
}

TEST(PathPrefix, OfTheRootCoversAll) {
  EXPECT_TRUE(covers_path("/", "/"));
  EXPECT_TRUE(covers_path("/", "/x?y"));
  EXPECT_TRUE(covers_path("/", "*"));
  EXPECT_TRUE(covers_path("/", ""));
}

}  // namespace
}  // namespace flaskscale::config
