#include "proxy/config/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {

void PrintTo(const Change& change, std::ostream* out) {
  *out << change.key << ": " << change.before << " -> " << change.after;
}

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Model base_model() {
  Model model;
  model.listeners.push_back({"web", {"0.0.0.0:80"}, {}});
  PoolModel shop;
  shop.name = "shop";
  shop.backends = {{"10.0.0.1:80", 1}};
  shop.scaling = ScalingModel{};
  shop.scaling->process.environment = {{"SECRET", "old"}};
  model.pools.emplace("shop", shop);
  model.routes = {{{"a.com"}, {"/x", "/y"}, "shop", {1, 1}}, {{}, {}, "shop", {2, 1}}};
  return model;
}

TEST(Diff, OfTheSameIsEmpty) {
  Model moved = base_model();
  moved.routes[0].source = {99, 9};
  moved.pools.at("shop").source = {99, 9};

  EXPECT_TRUE(compare(base_model(), moved).empty());
}

TEST(Diff, NamesChangedKeys) {
  Model after = base_model();
  after.timeouts.connect = 5s;
  after.limits.body_bytes = 1;
  PoolModel& shop = after.pools.at("shop");
  shop.queue.limit = 5;
  shop.slots = 8;
  shop.backends.push_back({"10.0.0.2:80", 2});
  shop.scaling->availability = 0.99;

  const Diff diff = compare(base_model(), after);

  EXPECT_THAT(diff.changes, ElementsAre(Change{"limits.body_bytes", "100MiB", "1B"},
                                        Change{"pools.shop.backends", "[\"10.0.0.1:80\"]",
                                               "[\"10.0.0.1:80\", \"10.0.0.2:80 weight 2\"]"},
                                        Change{"pools.shop.queue.limit", "1000", "5"},
                                        Change{"pools.shop.scaling.availability", "0.95", "0.99"},
                                        Change{"pools.shop.slots", "unlimited", "8"},
                                        Change{"timeouts.connect", "2s", "5s"}));
  EXPECT_THAT(diff.need_restart, IsEmpty());
}

TEST(Diff, KeepsApartWhatNeedsARestart) {
  Model after = base_model();
  after.server.workers = 4;
  after.server.state_dir = "/x";
  after.server.max_connections = 7;

  const Diff diff = compare(base_model(), after);

  EXPECT_THAT(diff.changes, ElementsAre(Change{"server.max_connections", "10000", "7"}));
  EXPECT_THAT(diff.need_restart,
              ElementsAre(Change{"server.state_dir", "\"/var/lib/flaskscale\"", "\"/x\""},
                          Change{"server.workers", "\"auto\"", "4"}));
}

TEST(Diff, NamesPoolsAndListenersOnceWhenTheyComeOrGo) {
  Model after = base_model();
  after.pools.emplace("new", PoolModel{});
  after.pools.emplace("new-er", PoolModel{});
  after.pools.erase("shop");
  after.listeners[0].name = "other";

  EXPECT_THAT(
      compare(base_model(), after).changes,
      ElementsAre(Change{"listeners.other", "", "present"}, Change{"listeners.web", "present", ""},
                  Change{"pools.new", "", "present"}, Change{"pools.new-er", "", "present"},
                  Change{"pools.shop", "present", ""}));
}

TEST(Diff, NamesScalingOnceWhenItGoes) {
  Model after = base_model();
  after.pools.at("shop").scaling.reset();

  EXPECT_THAT(compare(base_model(), after).changes,
              ElementsAre(Change{"pools.shop.scaling", "present", ""}));
}

TEST(Diff, HidesValuesOfVariables) {
  Model after = base_model();
  after.pools.at("shop").scaling->process.environment = {{"SECRET", "new"}, {"MORE", "x"}};

  EXPECT_THAT(
      compare(base_model(), after).changes,
      ElementsAre(Change{"pools.shop.scaling.process.environment.MORE", "", "(hidden)"},
                  Change{"pools.shop.scaling.process.environment.SECRET", "(hidden)", "(hidden)"}));
}

TEST(Diff, TellsRoutesThatComeAndGo) {
  Model after = base_model();
  after.routes[0].paths = {"/x"};

  EXPECT_THAT(compare(base_model(), after).changes,
              UnorderedElementsAre(Change{"routes", "a.com/x, a.com/y -> shop", ""},
                                   Change{"routes", "", "a.com/x -> shop"}));
}

TEST(Diff, SeesEachPartOfWhatARouteDoes) {
  Model before = base_model();
  before.routes[0].pool.clear();
  before.routes[0].respond = RespondModel{503, "one", "text/plain", 0};
  const std::vector<std::function<void(RouteModel&)>> changes = {
      [](RouteModel& route) { route.respond->body = "two"; },
      [](RouteModel& route) { route.respond->status = 500; },
      [](RouteModel& route) { route.respond->retry_after_s = 5; },
      [](RouteModel& route) { route.respond->content_type = "text/html"; },
      [](RouteModel& route) {
        route.respond.reset();
        route.redirect = RedirectModel{302, "/x"};
      },
      [](RouteModel& route) {
        route.response_headers.add = {{"A", "b"}};
      },
      [](RouteModel& route) {
        route.response_headers.set = {{"A", "b"}};
      },
      [](RouteModel& route) { route.response_headers.remove = {"A"}; }};
  for (const auto& change : changes) {
    Model after = before;
    change(after.routes[0]);
    EXPECT_EQ(compare(before, after).changes.size(), 2U);
  }
  Model after = base_model();
  after.routes[1].strip_prefix = "/x";
  after.routes[0].request_headers.set = {{"A", "b"}};
  EXPECT_EQ(compare(base_model(), after).changes.size(), 4U);
}

TEST(Diff, HidesTheSecretOfStickyCookies) {
  Model after = base_model();
  after.pools.at("shop").sticky_secret = "secret";
  after.pools.at("shop").sticky_cookie = "who";
  EXPECT_THAT(compare(base_model(), after).changes,
              ElementsAre(Change{"pools.shop.sticky_cookie", "\"\"", "\"who\""},
                          Change{"pools.shop.sticky_secret", "(hidden)", "(hidden)"}));
}

TEST(Diff, TellsANewOrderOfRoutes) {
  Model after = base_model();
  std::swap(after.routes[0], after.routes[1]);

  EXPECT_THAT(compare(base_model(), after).changes,
              ElementsAre(Change{"routes.order", "a.com/x, a.com/y -> shop", "*/ -> shop"}));
}

TEST(Diff, SeesAChangeBelowTheRoundingOfSizes) {
  Model after = base_model();
  after.limits.body_bytes += 1;

  EXPECT_THAT(compare(base_model(), after).changes,
              ElementsAre(Change{"limits.body_bytes", "100MiB", "104857601B"}));
}

}  // namespace
}  // namespace flaskscale::config
