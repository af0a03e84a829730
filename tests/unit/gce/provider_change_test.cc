// What the provider asks for, over an API that answers what each test wants.
#include "tests/unit/gce/provider_fixture.h"

namespace flaskscale::scaler {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

TEST_F(GceProviderTest, CreatesByNameWithOneRequestIdAndShowsWhatIsAskedFor) {
  list();
  ASSERT_TRUE(provider().create(call({"shop-a", "shop-b"})).has_value());
  EXPECT_EQ(body("createInstances"),
            Json::parse(R"({"instances":[{"name":"shop-a"},{"name":"shop-b"}]})"));
  EXPECT_EQ(request_id("createInstances", 0).size(), 36U);

  // The list is older than the call.
  const InstanceReport asked = list().at("shop-b");
  EXPECT_FALSE(asked.running);
  EXPECT_EQ(asked.obstacle, Obstacle::none);
  rows({managed("shop-a", "CREATING", ""), managed("shop-b", "CREATING", "")});
  EXPECT_EQ(list().size(), 2U);
  const size_t polls = cloud_.count("zoneOperations.get");
  clock_.pass(seconds(20));
  EXPECT_EQ(list().size(), 2U);
  EXPECT_EQ(cloud_.count("zoneOperations.get"), polls) << "what the list shows needs no poll";
}

TEST_F(GceProviderTest, CutsLargeCallsIntoThousands) {
  std::vector<std::string> names;
  for (int i = 0; i < 2300; ++i) names.push_back("shop-" + std::to_string(i));
  ASSERT_TRUE(provider().create(call(names)).has_value());
  ASSERT_EQ(count("createInstances"), 3U);
  EXPECT_EQ(body("createInstances", 0)["instances"].size(), 1000U);
  EXPECT_EQ(body("createInstances", 2)["instances"].size(), 300U);
  EXPECT_NE(request_id("createInstances", 0), request_id("createInstances", 1));
}

TEST_F(GceProviderTest, SendsALostCallAgainWithTheSameRequestId) {
  const char* const method = "instanceGroupManagers.createInstances";
  cloud_.next(method, lost());
  cloud_.next(method, json_response("<html>", 200));
  ASSERT_TRUE(provider().create(call({"shop-a"})).has_value());
  ASSERT_EQ(count("createInstances"), 3U);
  EXPECT_EQ(request_id("createInstances", 0), request_id("createInstances", 2));

  for (int i = 0; i < 3; ++i) cloud_.next(method, lost());
  const auto given_up = provider().create(call({"shop-b"}));
  ASSERT_FALSE(given_up.has_value());
  EXPECT_EQ(given_up.error().retry, Retry::always);
  clock_.pass(seconds(61));
  ASSERT_TRUE(provider().create(call({"shop-b"})).has_value());
  EXPECT_EQ(request_id("createInstances", 3), request_id("createInstances", 6));
}

TEST_F(GceProviderTest, NamesThatAreThereAlreadyAreOurs) {
  cloud_.next("instanceGroupManagers.createInstances", refusal(409, "alreadyExists"));
  rows({managed("shop-a", "CREATING", "")});
  ASSERT_TRUE(provider().create(call({"shop-a"})).has_value());
  EXPECT_EQ(list().at("shop-a").obstacle, Obstacle::none);
}

TEST_F(GceProviderTest, ABatchWithATakenNameFailsForAllThatAreNotThere) {
  cloud_.next("instanceGroupManagers.createInstances", operation("op7"));
  cloud_.always("zoneOperations.get", operation_failed("op7", "MEMBER_ALREADY_EXISTS", 409));
  rows({managed("shop-a", "CREATING", "")});
  ASSERT_TRUE(provider().create(call({"shop-a", "shop-b"})).has_value());
  auto reports = list();
  EXPECT_EQ(reports.at("shop-a").obstacle, Obstacle::none);
  EXPECT_EQ(reports.at("shop-b").obstacle, Obstacle::other);
  ASSERT_TRUE(provider().remove(call({"shop-b"})).has_value());
  EXPECT_FALSE(list().contains("shop-b"));
}

TEST_F(GceProviderTest, AnOperationThatEndsWithAnErrorIsAnObstacleWithItsReason) {
  cloud_.always("zoneOperations.get", operation_failed("op", "CONDITION_NOT_MET", 412));
  ASSERT_TRUE(provider().create(call({"shop-a"})).has_value());
  const InstanceReport report = list().at("shop-a");
  EXPECT_EQ(report.obstacle, Obstacle::configuration);
  EXPECT_THAT(report.detail, HasSubstr("CONDITION_NOT_MET"));
}

TEST_F(GceProviderTest, AnOperationThatNeverEndsIsForgottenAfterFiveMinutes) {
  ASSERT_TRUE(provider().create(call({"shop-a"})).has_value());
  for (int i = 0; i < 29; ++i) {
    clock_.pass(seconds(10));
    EXPECT_TRUE(list().contains("shop-a")) << i;
  }
  EXPECT_LE(cloud_.count("zoneOperations.get"), 30U);
  clock_.pass(seconds(30));
  EXPECT_TRUE(list().empty());
}

TEST_F(GceProviderTest, AnOperationThatIsLostLeavesTheDecisionToTheList) {
  cloud_.always("zoneOperations.get", refusal(404, "notFound"));
  ASSERT_TRUE(provider().create(call({"shop-a"})).has_value());
  EXPECT_TRUE(list().contains("shop-a"));
  clock_.pass(seconds(31));
  EXPECT_TRUE(list().empty());
}

TEST_F(GceProviderTest, ReportsStockOutAndQuotaOfPlaceholdersAndDeletesThem) {
  rows({failed("shop-a", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"),
        failed("shop-b", "QUOTA_EXCEEDED")});
  auto reports = list();
  EXPECT_EQ(reports.at("shop-a").obstacle, Obstacle::capacity);
  EXPECT_EQ(reports.at("shop-b").obstacle, Obstacle::quota);
  EXPECT_THAT(reports.at("shop-b").detail, HasSubstr("QUOTA_EXCEEDED: sorry"));

  ASSERT_TRUE(provider().remove(call({"shop-a", "shop-b"})).has_value());
  EXPECT_EQ(body("deleteInstances"),
            Json({{"instances", {"zones/z1/instances/shop-a", "zones/z1/instances/shop-b"}},
                  {"skipInstancesOnValidationError", true}}));
}

TEST_F(GceProviderTest, DeletesQueuedInstancesByNameAndNeverMixesTheForms) {
  Json queued = managed("shop-q", "CREATING", "");
  queued.erase("instance");
  rows({queued, managed("shop-a", "NONE", "STAGING", "1"),
        managed("shop-d", "DELETING", "STOPPING", "2")});
  list();
  ASSERT_TRUE(provider().remove(call({"shop-q", "shop-a", "shop-d", "shop-unknown"})).has_value());
  ASSERT_EQ(count("deleteInstances"), 2U);
  EXPECT_EQ(body("deleteInstances", 0)["instances"],
            Json({"zones/z1/instances/shop-a", "zones/z1/instances/shop-unknown"}));
  EXPECT_EQ(body("deleteInstances", 1)["instances"], Json({"shop-q"}));
  EXPECT_EQ(count("resize"), 0U);
}

TEST_F(GceProviderTest, ARepeatedDeleteOfWhatIsStillThereIsDoneOnceMore) {
  cloud_.always("zoneOperations.get", operation("op", "DONE"));
  rows({managed("shop-a", "NONE", "STAGING", "1")});
  list();
  ASSERT_TRUE(provider().remove(call({"shop-a"})).has_value());
  list();
  ASSERT_TRUE(provider().remove(call({"shop-a"})).has_value());
  EXPECT_NE(request_id("deleteInstances", 0), request_id("deleteInstances", 1));
}

TEST_F(GceProviderTest, RefusesToCreateInAGroupWithAProactivePolicyUntilItIsMended) {
  Json group = group_json();
  group["updatePolicy"] = {{"type", "PROACTIVE"}, {"replacementMethod", "SUBSTITUTE"}};
  cloud_.always("instanceGroupManagers.get", json_response(group.dump()));
  list();
  const auto refused = provider().create(call({"shop-a"}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(obstacle_of(refused.error()), Obstacle::configuration);
  EXPECT_THAT(refused.error().detail, HasSubstr("OPPORTUNISTIC"));
  EXPECT_EQ(count("createInstances"), 0U);

  cloud_.always("instanceGroupManagers.get", json_response(group_json().dump()));
  clock_.pass(seconds(31));
  list();
  EXPECT_TRUE(provider().create(call({"shop-a"})).has_value());
}

TEST_F(GceProviderTest, RefusesToCreateBesideAnAutoscalerButGoesOnRemoving) {
  cloud_.always(
      "autoscalers.list",
      json_response(Json({{"items", Json::array({{{"name", "cpu"},
                                                  {"target",
                                                   "https://x/compute/v1/projects/123/zones/z1/"
                                                   "instanceGroupManagers/web"}}})}})
                        .dump()));
  rows({managed("shop-a", "NONE", "STAGING", "1")});
  list();
  EXPECT_THAT(provider().create(call({"shop-b"})).error().detail, HasSubstr("cpu"));
  EXPECT_TRUE(provider().remove(call({"shop-a"})).has_value());
}

TEST_F(GceProviderTest, StopsAndStartsByStatus) {
  rows({managed("shop-a", "NONE", "RUNNING", "1"), managed("shop-b", "CREATING", "")});
  list();
  ASSERT_TRUE(provider().stop(call({"shop-a", "shop-b"})).has_value());
  EXPECT_EQ(body("stopInstances"),
            Json({{"instances", {"zones/z1/instances/shop-a"}}, {"forceStop", true}}));
  rows({managed("shop-a", "STOPPING", "STOPPING", "1")});
  EXPECT_FALSE(list().at("shop-a").leaving);
  rows({managed("shop-a", "NONE", "TERMINATED", "1"), managed("shop-s", "NONE", "SUSPENDED", "2")});
  auto reports = list();
  EXPECT_TRUE(reports.at("shop-a").stopped);
  EXPECT_FALSE(reports.at("shop-s").stopped);

  ASSERT_TRUE(provider().start(call({"shop-a", "shop-s"})).has_value());
  EXPECT_EQ(body("startInstances")["instances"], Json({"zones/z1/instances/shop-a"}));
  EXPECT_EQ(body("resumeInstances")["instances"], Json({"zones/z1/instances/shop-s"}));
  EXPECT_TRUE(provider().start(call({"shop-gone"})).has_value());
  EXPECT_EQ(count("startInstances"), 1U);
}

TEST_F(GceProviderTest, AStartThatFailsIsAnObstacle) {
  Json starting = failed("shop-a", "ZONE_RESOURCE_POOL_EXHAUSTED");
  starting["currentAction"] = "STARTING";
  starting["instanceStatus"] = "TERMINATED";
  starting["id"] = "1";
  rows({starting});
  EXPECT_EQ(list().at("shop-a").obstacle, Obstacle::capacity);
}

TEST_F(GceProviderTest, AStartWhoseOperationFailsIsToldOnceAndTheInstanceStaysOnStandby) {
  Json off = managed("shop-a", "NONE", "TERMINATED", "1");
  off["targetStatus"] = "STOPPED";
  rows({off});
  list();
  cloud_.always("zoneOperations.get", operation_failed("op", "ZONE_RESOURCE_POOL_EXHAUSTED", 503));
  ASSERT_TRUE(provider().start(call({"shop-a"})).has_value());
  const InstanceReport told = list().at("shop-a");
  EXPECT_TRUE(told.stopped);
  EXPECT_EQ(told.obstacle, Obstacle::capacity);
  EXPECT_EQ(list().at("shop-a").obstacle, Obstacle::none);
}

TEST_F(GceProviderTest, RefusesNamesThatWouldBendARequest) {
  for (const char* name : {"", "../x", "a b", "A", "a'b"}) {
    EXPECT_EQ(provider().remove(call({name})).error().code, ErrorCode::invalid_argument) << name;
  }
  EXPECT_TRUE(provider().remove(call({})).has_value());
  EXPECT_EQ(cloud_.count(), 0U);
}

TEST_F(GceProviderTest, RemovesWhatAnEarlierRunMadeInAZoneThatIsNoLongerConfigured) {
  list();
  EXPECT_EQ(provider().create(call({"shop-a"}, "z9")).error().code, ErrorCode::misconfigured);
  ASSERT_TRUE(provider().remove(call({"shop-a"}, "z9")).has_value());
  EXPECT_THAT(cloud_.calls("instanceGroupManagers.deleteInstances").front().url,
              HasSubstr("/zones/z9/instanceGroupManagers/web/deleteInstances"));
  cloud_.next("instanceGroupManagers.listManagedInstances", rows_of({}));
  cloud_.next("instanceGroupManagers.listManagedInstances",
              rows_of({managed("shop-a", "DELETING", "STOPPING", "1")}));
  EXPECT_EQ(list().size(), 1U);
  list();
  EXPECT_EQ(provider().abilities().zones.size(), 1U);
}

TEST_F(GceProviderTest, ALeaseThatCantBeWrittenDoesNotKeepItFromScaling) {
  settings_.owner = "aa";
  cloud_.always("instanceGroupManagers.patch", refusal(400, "invalid"));
  list();
  EXPECT_EQ(provider().create(call({"shop-a"})).error().retry, Retry::always);
  for (int i = 0; i < 3; ++i) {
    clock_.pass(std::chrono::seconds(31));
    list();
  }
  EXPECT_TRUE(provider().create(call({"shop-a"})).has_value());
}

TEST_F(GceProviderTest, StartsTheOthersWhenOneOnStandbyIsGone) {
  rows({managed("shop-a", "NONE", "SUSPENDED", "1"), managed("shop-b", "NONE", "SUSPENDED", "2")});
  list();
  cloud_.next("instanceGroupManagers.resumeInstances", refusal(400, "invalid"));
  rows({managed("shop-b", "NONE", "SUSPENDED", "2")});
  ASSERT_TRUE(provider().start(call({"shop-a", "shop-b"})).has_value());
  EXPECT_EQ(body("resumeInstances", 1)["instances"], Json({"zones/z1/instances/shop-b"}));

  // Nothing is left of it: the list tells.
  cloud_.next("instanceGroupManagers.resumeInstances", refusal(400, "invalid"));
  rows({});
  EXPECT_TRUE(provider().start(call({"shop-b"})).has_value());
}

TEST_F(GceProviderTest, AStartThatIsRefusedTwiceIsNoFaultOfTheGroups) {
  rows({managed("shop-a", "NONE", "SUSPENDED", "1")});
  list();
  cloud_.always("instanceGroupManagers.resumeInstances", refusal(412, "conditionNotMet"));
  const auto refused = provider().start(call({"shop-a"}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(obstacle_of(refused.error()), Obstacle::other);
}

}  // namespace
}  // namespace flaskscale::scaler
