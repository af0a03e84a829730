#include "proxy/config/router.h"

#include <gtest/gtest.h>

namespace flaskscale::config {
namespace {

RouteModel route(std::vector<std::string> hosts, std::vector<std::string> paths) {
  return {std::move(hosts), std::move(paths), "pool", {}};
}

constexpr std::optional<size_t> kNone = std::nullopt;

TEST(Router, TakesTheFirstRouteThatMatches) {
  const Router router(
      {route({"a.com"}, {"/x"}), route({}, {"/y"}), route({"a.com"}, {}), route({}, {})});

  EXPECT_EQ(router.match("a.com", "/x/1"), 0U);
  EXPECT_EQ(router.match("a.com", "/y"), 1U);
  EXPECT_EQ(router.match("a.com", "/z"), 2U);
  EXPECT_EQ(router.match("b.com", "/x"), 3U);
}

TEST(Router, PrefersAnEarlierWildcardToALaterName) {
  const Router router({route({"*.a.com"}, {"/w"}), route({"x.a.com"}, {}), route({"*.com"}, {})});

  EXPECT_EQ(router.match("x.a.com", "/w"), 0U);
  EXPECT_EQ(router.match("x.a.com", "/"), 1U);
  EXPECT_EQ(router.match("y.a.com", "/"), 2U);
}

TEST(Router, IgnoresCasePortAndLastDot) {
  const Router router({route({"shop.example.com"}, {})});

  EXPECT_EQ(router.match("Shop.EXAMPLE.com", "/"), 0U);
  EXPECT_EQ(router.match("shop.example.com:8080", "/"), 0U);
  EXPECT_EQ(router.match("shop.example.com.", "/"), 0U);
  EXPECT_EQ(router.match("shop.example.com.:80", "/"), 0U);
  EXPECT_EQ(router.match("xshop.example.com", "/"), kNone);
  EXPECT_EQ(router.match("example.com", "/"), kNone);
}

TEST(Router, MatchesAnyLabelsBelowAWildcard) {
  const Router router({route({"*.example.com"}, {})});

  EXPECT_EQ(router.match("a.example.com", "/"), 0U);
  EXPECT_EQ(router.match("a.b.Example.com:1", "/"), 0U);
  EXPECT_EQ(router.match("example.com", "/"), kNone);
  EXPECT_EQ(router.match(".example.com", "/"), kNone);
  EXPECT_EQ(router.match("aexample.com", "/"), kNone);
  EXPECT_EQ(router.match("a.example.com.evil.org", "/"), kNone);
}

TEST(Router, MatchesAddresses) {
  const Router router({route({"[::1]"}, {}), route({"127.0.0.1"}, {})});

  EXPECT_EQ(router.match("[::1]:80", "/"), 0U);
  EXPECT_EQ(router.match("[::1]", "/"), 0U);
  EXPECT_EQ(router.match("127.0.0.1:80", "/"), 1U);
  EXPECT_EQ(router.match("[::2]:80", "/"), kNone);
  EXPECT_EQ(router.match("[::1", "/"), kNone);
}

TEST(Router, GivesAnEmptyHostToRoutesWithoutHosts) {
  const Router router({route({"a.com", "*.com"}, {}), route({}, {"/any"})});

  EXPECT_EQ(router.match("", "/any"), 1U);
  EXPECT_EQ(router.match("", "/"), kNone);
  EXPECT_EQ(router.match(":80", "/any"), 1U);
  EXPECT_EQ(router.match(".", "/any"), 1U);
}

TEST(Router, ComparesPathsBySegments) {
  const Router router({route({}, {"/api", "/static/"})});

  EXPECT_EQ(router.match("h", "/api"), 0U);
  EXPECT_EQ(router.match("h", "/api/x"), 0U);
  EXPECT_EQ(router.match("h", "/api?x"), 0U);
  EXPECT_EQ(router.match("h", "/static/a"), 0U);
  EXPECT_EQ(router.match("h", "/apix"), kNone);
  EXPECT_EQ(router.match("h", "/static"), kNone);
  EXPECT_EQ(router.match("h", "*"), kNone);
}

TEST(Router, BearsHostsOfAnyLength) {
  const Router router({route({"a.com"}, {}), route({"*.com"}, {})});

  EXPECT_EQ(router.match(std::string(255 - 4, 'x') + ".com", "/"), 1U);
  EXPECT_EQ(router.match(std::string(100'000, 'x') + ".com", "/"), kNone);
  EXPECT_EQ(router.match(std::string(200, '.') + "com", "/"), 1U);
}

TEST(Router, WithoutRoutesMatchesNothing) { EXPECT_EQ(Router({}).match("a", "/"), kNone); }

TEST(Router, FindsEachOfAThousandHosts) {
  std::vector<RouteModel> routes;
  for (int i = 0; i < 1000; ++i)
    routes.push_back(route({"h" + std::to_string(i) + ".example.com"}, {}));
  const Router router(std::move(routes));

  for (size_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(router.match("H" + std::to_string(i) + ".example.com:443", "/p"), i);
  }
  EXPECT_EQ(router.match("h1000.example.com", "/p"), kNone);
}

}  // namespace
}  // namespace flaskscale::config
