// What the provider lists, and how often it asks, over an API that answers what each test wants.
#include "tests/unit/gce/provider_fixture.h"

namespace flaskscale::scaler {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(GceProviderTest, ListsAUsableInstanceWithItsAddressAndAsksForThatOnce) {
  rows({managed("shop-a", "NONE", "RUNNING", "41")});
  cloud_.always("instances.list", machines_of({machine("shop-a", "41", "10.0.0.7")}));

  for (int i = 0; i < 3; ++i) {
    const InstanceReport report = list().at("shop-a");
    EXPECT_EQ(report.id, "41");
    EXPECT_EQ(report.address, "10.0.0.7:8000");
    EXPECT_EQ(report.zone, "z1");
    EXPECT_EQ(report.version, "v1");
    EXPECT_TRUE(report.running);
    EXPECT_FALSE(report.outdated || report.leaving || report.stopped || report.exited);
    clock_.pass(seconds(2));
  }
  EXPECT_EQ(cloud_.count("instances.list"), 1U);
  EXPECT_EQ(parameter(cloud_.calls("instances.list").front(), "filter"), "name eq 'shop-a'");
  EXPECT_EQ(count("get"), 1U);
}

TEST_F(GceProviderTest, ARepairedInstanceHasAnotherIdAndAddress) {
  rows({managed("shop-a", "NONE", "RUNNING", "41")});
  cloud_.next("instances.list", machines_of({machine("shop-a", "41", "10.0.0.7")}));
  list();
  rows({managed("shop-a", "RECREATING", "STOPPING", "41")});
  EXPECT_TRUE(list().at("shop-a").leaving);
  rows({managed("shop-a", "RECREATING", "")});
  EXPECT_FALSE(list().at("shop-a").leaving);
  rows({managed("shop-a", "NONE", "RUNNING", "42")});
  // The list of machines is older than that of the group.
  cloud_.next("instances.list", machines_of({machine("shop-a", "41", "10.0.0.7")}));
  EXPECT_EQ(list().at("shop-a").address, "");
  cloud_.next("instances.list", machines_of({machine("shop-a", "42", "10.0.0.9")}));
  const InstanceReport report = list().at("shop-a");
  EXPECT_EQ(report.id, "42");
  EXPECT_EQ(report.address, "10.0.0.9:8000");
}

TEST_F(GceProviderTest, ReadsAllPagesAndDiscardsTheListWhenOneFails) {
  const char* const method = "instanceGroupManagers.listManagedInstances";
  cloud_.next(method, rows_of({managed("shop-a", "CREATING", "")}, "p2"));
  cloud_.next(method,
              rows_of({managed("shop-b", "CREATING", ""), managed("shop-a", "CREATING", "")}));
  EXPECT_EQ(list().size(), 2U);
  EXPECT_EQ(parameter(cloud_.calls(method).at(1), "pageToken"), "p2");

  cloud_.next(method, rows_of({managed("shop-a", "CREATING", "")}, "p2"));
  cloud_.next(method, refusal(503, "backendError"));
  clock_.pass(seconds(10));
  EXPECT_FALSE(provider().list().has_value());
  clock_.pass(seconds(10));
  cloud_.next(method, rows_of({}, "same"));
  cloud_.next(method, rows_of({}, "same"));
  EXPECT_EQ(provider().list().error().code, ErrorCode::bad_message);
}

TEST_F(GceProviderTest, UnknownWordsAndOddRowsDoNoHarm) {
  Json odd = managed("shop-b", "BREWING", "RUNNING", "9");
  odd["targetStatus"] = "DREAMING";
  rows({managed("shop-a", "NONE", "PENDING_STOP", "8"), odd, Json(), Json(7), Json::object(),
        managed("shop-c", "NONE", "PENDING")});
  const auto reports = list();
  EXPECT_EQ(reports.size(), 3U);
  EXPECT_TRUE(reports.at("shop-a").leaving);
  EXPECT_TRUE(reports.at("shop-b").running);
  EXPECT_EQ(reports.at("shop-b").address, "");
  EXPECT_FALSE(reports.at("shop-c").running);
}

TEST_F(GceProviderTest, TellsInstancesOfAnOlderTemplate) {
  rows({managed("shop-a", "NONE", "STAGING", "1")});
  EXPECT_FALSE(list().at("shop-a").outdated);
  Json group = group_json();
  group["versions"][0]["instanceTemplate"] = kNew;
  cloud_.always("instanceGroupManagers.get", json_response(group.dump()));
  clock_.pass(seconds(31));
  EXPECT_TRUE(list().at("shop-a").outdated);
  rows({managed("shop-a", "DELETING", "STOPPING", "1")});
}

TEST_F(GceProviderTest, FindsItsStandbyAgainAfterARestartByTheGroupsNumber) {
  Json group = group_json();
  group["targetStoppedSize"] = 1;
  cloud_.always("instanceGroupManagers.get", json_response(group.dump()));
  rows({managed("shop-a", "NONE", "TERMINATED", "1")});
  EXPECT_TRUE(list().at("shop-a").stopped);
}

TEST_F(GceProviderTest, WhatSomebodyElseStoppedIsLeavingAndThenEnded) {
  rows({managed("shop-a", "NONE", "TERMINATED", "1")});
  EXPECT_TRUE(list().at("shop-a").leaving);
  clock_.pass(minutes(2));
  const InstanceReport report = list().at("shop-a");
  EXPECT_TRUE(report.exited);
  EXPECT_FALSE(report.leaving);
}

TEST_F(GceProviderTest, WaitsForTheNextMinuteAfterTheQuotaIsUsedUp) {
  list();
  cloud_.next("instanceGroupManagers.createInstances",
              refusal(403, "rateLimitExceeded", "slow", "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"));
  const auto busy = provider().create(call({"shop-a"}));
  EXPECT_EQ(busy.error().retry, Retry::always);
  const size_t calls = cloud_.count();
  for (int i = 0; i < 4; ++i) {
    clock_.pass(seconds(10));
    EXPECT_FALSE(provider().list().has_value());
    EXPECT_FALSE(provider().create(call({"shop-a"})).has_value());
  }
  EXPECT_EQ(cloud_.count(), calls);
  clock_.pass(seconds(17));
  EXPECT_TRUE(provider().list().has_value());
  EXPECT_TRUE(provider().create(call({"shop-a"})).has_value());
  EXPECT_EQ(request_id("createInstances", 0), request_id("createInstances", 1));
}

TEST_F(GceProviderTest, AnOutageCostsFewCallsAndEndsByItself) {
  list();
  HttpResponse page = json_response("<html>Bad Gateway</html>", 502);
  cloud_.always("instanceGroupManagers.listManagedInstances", page);
  cloud_.always("instanceGroupManagers.get", page);
  const size_t before = cloud_.count();
  for (int i = 0; i < 300; ++i) {
    clock_.pass(seconds(2));
    EXPECT_FALSE(provider().list().has_value());
  }
  EXPECT_LE(cloud_.count() - before, 100U);
  cloud_.always("instanceGroupManagers.get", json_response(group_json().dump()));
  rows({});
  clock_.pass(minutes(1));
  EXPECT_TRUE(provider().list().has_value());
}

TEST_F(GceProviderTest, StaysWithinItsBudgetHoweverOftenItIsAsked) {
  settings_.calls_per_minute = 60;
  std::deque<Time> times;
  size_t most = 0;
  cloud_.before_each = [&] {
    times.push_back(clock_.now);
    while (times.front() <= clock_.now - seconds(60)) times.pop_front();
    most = std::max(most, times.size());
  };
  for (int i = 0; i < 3000; ++i) {
    clock_.pass(std::chrono::milliseconds(200));
    (void)provider().list();
  }
  EXPECT_LE(most, 61U);  // and one for the token
  EXPECT_GE(cloud_.count(), 400U);
}

TEST_F(GceProviderTest, ListsAsOftenAsItsBudgetAffords) {
  EXPECT_EQ(provider().abilities().list_interval, seconds(10));
  EXPECT_EQ(provider().abilities().list_interval_moving, seconds(2));
  EXPECT_TRUE(provider().abilities().can_stop);
  settings_.zones = {"z1", "z2", "z3"};
  settings_.calls_per_minute = 30;
  provider_.reset();
  list();
  EXPECT_GE(provider().abilities().list_interval_moving, seconds(10));
  EXPECT_THAT(provider().abilities().zones, ElementsAre("z1", "z2", "z3"));
}

TEST_F(GceProviderTest, A401IsAnsweredWithOneFreshTokenAndThenAnAlarm) {
  cloud_.next("instanceGroupManagers.get", refusal(401, "authError"));
  list();
  EXPECT_EQ(cloud_.count("metadata"), 2U);
  cloud_.always("instanceGroupManagers.listManagedInstances", refusal(401, "authError"));
  const auto refused = provider().list();
  EXPECT_EQ(refused.error().code, ErrorCode::misconfigured);
  EXPECT_THAT(refused.error().detail, HasSubstr("metadata server"));
}

TEST_F(GceProviderTest, AMissingPermissionIsNamed) {
  cloud_.always("instanceGroupManagers.listManagedInstances",
                refusal(403, "forbidden",
                        "Required 'compute.instanceGroupManagers.list' permission for 'web'"));
  const auto refused = provider().list();
  EXPECT_EQ(refused.error().code, ErrorCode::permission_denied);
  EXPECT_THAT(refused.error().detail, HasSubstr("compute.instanceGroupManagers.list"));
}

TEST_F(GceProviderTest, AGroupThatIsGoneStopsScalingAndComesBack) {
  rows({managed("shop-a", "NONE", "STAGING", "1")});
  list();
  cloud_.always("instanceGroupManagers.listManagedInstances", refusal(404, "notFound"));
  cloud_.always("instanceGroupManagers.createInstances", refusal(404, "notFound"));
  EXPECT_EQ(provider().list().error().code, ErrorCode::not_found);
  EXPECT_EQ(obstacle_of(provider().create(call({"shop-b"})).error()), Obstacle::configuration);
  rows({managed("shop-a", "NONE", "STAGING", "1")});
  EXPECT_TRUE(list().contains("shop-a"));
}

TEST_F(GceProviderTest, OneZoneWithoutItsGroupDoesNotHoldUpTheOthers) {
  settings_.zones = {"z1", "z2"};
  cloud_.next("instanceGroupManagers.get", json_response(group_json().dump()));
  cloud_.next("instanceGroupManagers.get", refusal(404, "notFound"));
  cloud_.next("instanceGroupManagers.listManagedInstances",
              rows_of({managed("shop-a", "NONE", "STAGING", "1")}));
  EXPECT_TRUE(list().contains("shop-a"));
}

TEST_F(GceProviderTest, AZoneThatFailsAloneForAMinuteIsListedAsItWasSeen) {
  settings_.zones = {"z1", "z2"};
  const char* const method = "instanceGroupManagers.listManagedInstances";
  cloud_.next(method, rows_of({managed("shop-a", "NONE", "STAGING", "1")}));
  cloud_.next(method, rows_of({managed("shop-b", "NONE", "STAGING", "2")}));
  EXPECT_EQ(list().size(), 2U);
  size_t failed_lists = 0;
  for (int i = 0; i < 40; ++i) {
    clock_.pass(seconds(2));
    cloud_.next(method,
                i == 0
                    ? ScriptedCloud::Answer(rows_of({managed("shop-a", "NONE", "STAGING", "1")}))
                    : ScriptedCloud::Answer(rows_of({managed("shop-a", "NONE", "STAGING", "1")})));
    cloud_.next(method, refusal(500, "internalError"));
    const auto listed = provider().list();
    if (!listed) ++failed_lists;
    if (clock_.slept == Duration::zero() && i == 39) {
      ASSERT_TRUE(listed.has_value());
      EXPECT_EQ(listed->size(), 2U);
    }
  }
  EXPECT_GE(failed_lists, 25U);
}

TEST_F(GceProviderTest, TakesNewSettingsWithTheNextCallAndKeepsOldZonesWhileTheyHaveInstances) {
  rows({managed("shop-a", "NONE", "RUNNING", "1")});
  cloud_.always("instances.list", machines_of({machine("shop-a", "1", "10.0.0.7")}));
  list();
  settings_.zones = {"z2"};
  settings_.port = 9000;
  const char* const method = "instanceGroupManagers.listManagedInstances";
  cloud_.next(method, rows_of({managed("shop-a", "NONE", "RUNNING", "1")}));
  cloud_.next(method, rows_of({}));
  provider().apply(settings_, std::make_shared<GceTokenSource>(settings_.credentials, Random(2)));
  EXPECT_THAT(provider().abilities().zones, ElementsAre("z2"));
  EXPECT_EQ(list().at("shop-a").address, "10.0.0.7:9000");
  rows({});
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(provider().create(call({"shop-b"}, "z1")).error().code, ErrorCode::misconfigured);
}

TEST_F(GceProviderTest, TheProjectComesFromTheMachineWhenNoneIsConfigured) {
  settings_.project = "";
  HttpResponse project = json_response("machine-project");
  project.headers.emplace_back("metadata-flavor", "Google");
  cloud_.next("metadata", project);
  list();
  EXPECT_THAT(cloud_.calls("instanceGroupManagers.get").front().url,
              HasSubstr("/compute/v1/projects/machine-project/zones/z1/"));
}

TEST_F(GceProviderTest, TheOnlineCheckSaysWhatIsFineAndWhatIsNot) {
  cloud_.always("zones.get", json_response(R"({"name":"z1","status":"UP"})"));
  cloud_.always("zoneOperations.list", json_response("{}"));
  cloud_.always("instanceTemplates.get", json_response("{}"));
  for (const CheckFinding& finding : provider().check_online()) {
    EXPECT_TRUE(finding.fine) << finding.what << ": " << finding.detail;
  }
  Json group = group_json();
  group["updatePolicy"] = {{"type", "PROACTIVE"}, {"replacementMethod", "SUBSTITUTE"}};
  group["namedPorts"][0]["port"] = 80;
  cloud_.always("instanceGroupManagers.get", json_response(group.dump()));
  cloud_.always(
      "instanceTemplates.get",
      refusal(403, "forbidden", "Required 'compute.instanceTemplates.get' permission for 'v1'"));
  clock_.pass(minutes(1));
  std::vector<std::string> hints;
  for (const CheckFinding& finding : provider().check_online()) {
    if (!finding.fine) hints.push_back(finding.hint);
  }
  EXPECT_THAT(hints, ElementsAre(HasSubstr("--update-policy-type opportunistic"),
                                 HasSubstr("port in the configuration"),
                                 HasSubstr("compute.instanceTemplates.get")));
}

TEST_F(GceProviderTest, TheOnlineCheckStopsAtBadCredentials) {
  cloud_.always("zones.get", refusal(401, "authError"));
  const auto findings = provider().check_online();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_FALSE(findings.front().fine);
  EXPECT_THAT(findings.front().what, HasSubstr("metadata server"));
}

}  // namespace
}  // namespace flaskscale::scaler
