// Lists, operations, access, faults: what every method shares.
#include <gtest/gtest.h>

#include "tests/support/gce/glob.h"
#include "tests/support/gce/list_query.h"
#include "tests/unit/gce_emulator/fixture.h"

namespace flaskscale::emulator {
namespace {

using GceApi = EmulatorTest;

std::string reason_of(const Called& called) {
  return text_of(called.body["error"]["errors"][0], "reason");
}

TEST_F(GceApi, EveryMethodOfTheDocumentIsRouted) {
  std::map<std::string, std::string> variables;
  size_t answered = 0;
  for (const ApiMethod& method : discovery_->methods()) {
    const ApiMethod* found = discovery_->find(method.verb, method.segments, variables);
    ASSERT_NE(found, nullptr) << method.id;
    EXPECT_EQ(found->id, method.id);
    std::string path = method.path.substr(std::string("projects/{project}/").size());
    for (const auto& [name, value] : std::map<std::string, std::string>{
             {"{zone}", "us-central1-a"}, {"{region}", "us-central1"}}) {
      if (const size_t at = path.find(name); at != std::string::npos) {
        path.replace(at, name.size(), value);
      }
    }
    for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{')) {
      path.replace(at, path.find('}') - at + 1, "nothing");
    }
    emulator_->cloud().settings.authenticate = false;
    const Called called = call(method.verb, path);
    EXPECT_NE(called.status, 501) << method.id;
    ++answered;
  }
  EXPECT_GE(answered, 59U);
  expected_violations_ = emulator_->cloud().ledger.violations();
}

TEST_F(GceApi, LoudlyRefusesWhatTheDocumentDoesNotHave) {
  const std::string zone = kZone;
  EXPECT_EQ(call("GET", zone + "/instances?bogus=1").status, 400);
  EXPECT_EQ(call("GET", zone + "/instances?maxResults=many").status, 400);
  EXPECT_EQ(call("GET", zone + "/instances/UPPER").status, 400);
  EXPECT_EQ(call("GET", zone + "/nonsense").status, 400);
  EXPECT_EQ(group_call("resize").status, 400);
  EXPECT_EQ(group_call("createInstances", {{"instances", {{{"nom", "x"}}}}}).status, 400);
  EXPECT_EQ(group_call("createInstances", {{"instances", "x"}}).status, 400);
  EXPECT_EQ(group_call("createInstances", {{"instances", {{{"name", "Bad_Name"}}}}}).status, 400);
  EXPECT_EQ(group_call("createInstances", Json::object()).status, 400);
  EXPECT_EQ(group_call("deleteInstances", {{"instances", {"http://x/y/z"}}}).status, 400);
  EXPECT_EQ(group_call("deleteInstances", {{"instances", {"zones/elsewhere/instances/a"}}}).status,
            400);
  expected_violations_ = 11;
}

TEST_F(GceApi, OperationsGoThroughPendingAndRunningToDone) {
  const Called made = group_call("createInstances", {{"instances", {{{"name", "shop-x"}}}}});
  EXPECT_EQ(made.body["status"], "PENDING");
  const std::string path =
      std::string(kZone) + "/operations/" + made.body["name"].get<std::string>();
  pass(0.3);
  EXPECT_EQ(call("GET", path).body["status"], "RUNNING");
  const double before = emulator_->now();
  EXPECT_EQ(call("POST", path + "/wait").body["status"], "DONE");
  EXPECT_GT(emulator_->now() - before, 0.4);
  EXPECT_EQ(call("GET", std::string(kZone) + "/operations").body["items"].size(), 1U);

  pass(15.0 * 86'400);
  token_.clear();
  EXPECT_EQ(call("GET", path).status, 404);
}

TEST_F(GceApi, WaitsComeBackEarlyOrNeverSeeTheEnd) {
  fault({{"kind", "operation"}, {"outcome", "never_done"}, {"method", "*.createInstances"}});
  const Called made = group_call("createInstances", {{"instances", {{{"name", "shop-x"}}}}});
  const std::string path =
      std::string(kZone) + "/operations/" + made.body["name"].get<std::string>() + "/wait";
  const std::string id = fault({{"kind", "wait_at_once"}, {"method", "zoneOperations.wait"}});
  const double before = emulator_->now();
  EXPECT_EQ(call("POST", path).body["status"], "PENDING");
  EXPECT_LT(emulator_->now() - before, 0.2);

  emulator_->control("DELETE", "/_emu/faults/" + id);
  const Called waited = call("POST", path);
  EXPECT_EQ(waited.status, 0);
  EXPECT_EQ(waited.error, ErrorCode::timed_out);
}

TEST_F(GceApi, PagesOnlyForGroupsThatAskForIt) {
  act("fill", {{"group", "shop"}, {"count", 12}});
  const Json first = group_call("listManagedInstances", {}, "?maxResults=5").body;
  EXPECT_EQ(first["managedInstances"].size(), 5U);
  const Json last = group_call("listManagedInstances", {}, "?maxResults=5&pageToken=page-10").body;
  EXPECT_EQ(last["managedInstances"].size(), 2U);
  EXPECT_FALSE(last.contains("nextPageToken"));

  act("policy", {{"group", "shop"}, {"results", "PAGELESS"}});
  const Json all = group_call("listManagedInstances", {}, "?maxResults=5").body;
  EXPECT_EQ(all["managedInstances"].size(), 12U);
  EXPECT_FALSE(all.contains("nextPageToken"));
}

TEST_F(GceApi, SelectsRowsAndFields) {
  act("fill", {{"group", "shop"}, {"count", 3}});
  act("add_foreign", {{"name", "other-1"}});
  const std::string path = std::string(kZone) + "/instances";
  EXPECT_EQ(call("GET", path + "?filter=name%20eq%20'shop-.*'").body["items"].size(), 3U);
  EXPECT_EQ(call("GET", path + "?filter=(status%20=%20RUNNING)(name%20!=%20other-1)")
                .body["items"]
                .size(),
            3U);
  const Json row =
      call("GET", path + "?filter=name=other-1&fields=items(name,networkInterfaces/networkIP)")
          .body["items"][0];
  EXPECT_EQ(row.size(), 2U);
  EXPECT_EQ(row["networkInterfaces"][0].size(), 1U);
  EXPECT_EQ(call("GET", path + "?filter=machineType=x").status, 400);
  expected_violations_ = 1;
}

TEST_F(GceApi, ChecksTokensScopesAndPermissions) {
  token_ = "forged";
  EXPECT_EQ(reason_of(call("GET", kGroup)), "authError");
  token_ = token();
  EXPECT_EQ(call("GET", kGroup).status, 200);
  pass(3700);
  EXPECT_EQ(call("GET", kGroup).status, 401);

  token_ = token();
  const Called removed = call("DELETE", std::string(kZone) + "/instances/x");
  EXPECT_EQ(removed.status, 403);
  EXPECT_EQ(text_of(removed.body["error"], "message").find("Required 'compute.instances.delete'"),
            0U);
  act("scopes", {{"scopes", {"https://www.googleapis.com/auth/compute.readonly"}}});
  EXPECT_EQ(reason_of(call("GET", kGroup)), "insufficientPermissions");
}

TEST_F(GceApi, TheLeastRoleIsEnoughForAllThatAScalerDoes) {
  const auto names = create(1);
  pass(40);
  const Json one = {{"instances", {std::string(kZone) + "/instances/" + names[0]}}};
  EXPECT_EQ(group_call("stopInstances", one).status, 200);
  EXPECT_EQ(group_call("listManagedInstances").status, 200);
  EXPECT_EQ(call("GET", std::string(kZone) + "/instances").status, 200);
  EXPECT_EQ(call("GET", std::string(kZone) + "/autoscalers").status, 200);
  EXPECT_EQ(call("GET", "global/instanceTemplates/shop-v1").status, 200);
  EXPECT_EQ(call("GET", kZone).status, 200);
  EXPECT_EQ(call("GET", "regions/us-central1").status, 200);
  EXPECT_EQ(group_call("deleteInstances", one).status, 200);
}

TEST_F(GceApi, RefillsTheQuotaOfCallsOnTheMinute) {
  emulator_->control("PUT", "/_emu/settings", {{"requests_per_minute", 3}});
  const double into_minute = std::fmod(Emulator::kWallBegin, 60);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call("GET", kGroup).status, 200);
  const Called refused = call("GET", kGroup);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(reason_of(refused), "rateLimitExceeded");
  pass(60 - into_minute);
  EXPECT_EQ(call("GET", kGroup).status, 200);
}

TEST_F(GceApi, FaultsHitWhatTheyName) {
  fault({{"kind", "http"}, {"status", 503}, {"method", "*.get"}, {"name", "shop"}, {"nth", 2}});
  EXPECT_EQ(call("GET", kGroup).status, 200);
  EXPECT_EQ(call("GET", kGroup).status, 503);
  EXPECT_EQ(call("GET", kGroup).status, 200);
  fault({{"kind", "http"}, {"status", 502}, {"html", true}, {"times", 1}});
  const Called html = call("GET", kGroup);
  EXPECT_EQ(html.status, 502);
  EXPECT_TRUE(html.body.is_discarded());
  fault({{"kind", "garbage"}, {"times", 1}});
  EXPECT_TRUE(call("GET", kGroup).body.is_discarded());
  fault({{"kind", "truncate"}, {"times", 1}});
  EXPECT_EQ(call("GET", kGroup).error, ErrorCode::bad_message);
  fault({{"kind", "hang"}, {"until", 5}});
  EXPECT_EQ(call("GET", kGroup).error, ErrorCode::timed_out);
  EXPECT_EQ(call("GET", kGroup).status, 200);
}

TEST_F(GceApi, AResetBeforeActingDoesNothingAndOneAfterwardsOnlyLosesTheReply) {
  const auto create_one = [&](const char* name) {
    return group_call("createInstances", {{"instances", {{{"name", name}}}}});
  };
  fault({{"kind", "reset"}, {"when", "before"}, {"method", "*.createInstances"}, {"times", 1}});
  EXPECT_EQ(create_one("shop-x").error, ErrorCode::closed_by_peer);
  EXPECT_EQ(group()["targetSize"], 0);
  fault({{"kind", "reset"}, {"when", "after"}, {"method", "*.createInstances"}, {"times", 1}});
  EXPECT_EQ(create_one("shop-x").error, ErrorCode::closed_by_peer);
  EXPECT_EQ(group()["targetSize"], 1);
}

TEST_F(GceApi, ListsAreStaleDoubledShortOrStrangeOnDemand) {
  act("fill", {{"group", "shop"}, {"count", 3}});
  EXPECT_EQ(members().size(), 3U);
  pass(20);
  create(1);
  fault({{"kind", "list"}, {"what", "stale"}, {"seconds", 10}, {"times", 1}});
  EXPECT_EQ(members().size(), 3U);
  EXPECT_EQ(members().size(), 4U);
  const auto rows = [&] { return group_call("listManagedInstances").body["managedInstances"]; };
  fault({{"kind", "list"}, {"what", "duplicate"}, {"rows", 2}, {"times", 1}});
  EXPECT_EQ(rows().size(), 6U);
  fault({{"kind", "list"}, {"what", "missing"}, {"rows", 2}, {"times", 1}});
  EXPECT_EQ(rows().size(), 2U);
  fault({{"kind", "list"}, {"what", "unknown_values"}, {"times", 1}});
  EXPECT_EQ(rows()[0]["currentAction"], "REBALANCING");
  fault({{"kind", "list"}, {"what", "foreign"}, {"times", 1}});
  EXPECT_EQ(rows().size(), 6U);
}

TEST_F(GceApi, GroupsAndZonesThatAreGoneAreNotFound) {
  act("delete_group", {{"group", "shop"}});
  EXPECT_EQ(reason_of(call("GET", kGroup)), "notFound");
  act("restore_group", {{"group", "shop"}});
  EXPECT_EQ(call("GET", kGroup).status, 200);
  act("remove_zone", {{"zone", "us-central1-a"}});
  EXPECT_EQ(call("GET", kGroup).status, 404);
}

TEST_F(GceApi, UrlsComeOnSeveralHosts) {
  const std::string shown = group().dump();
  EXPECT_NE(shown.find("https://www.googleapis.com/compute/v1/"), std::string::npos);
  EXPECT_NE(shown.find("https://www.googleapis.com/compute/beta/"), std::string::npos);
  EXPECT_NE(shown.find("https://compute.googleapis.com/compute/v1/"), std::string::npos);
}

TEST_F(GceApi, CountsCallsAndKeepsThem) {
  group();
  group();
  const Json calls = emulator_->control("GET", "/_emu/calls");
  EXPECT_EQ(calls["total"], 2);
  EXPECT_EQ(calls["by_method"]["compute.instanceGroupManagers.get"]["statuses"]["200"], 2);
  EXPECT_EQ(calls["by_method"]["metadata.token"]["count"], 1);
  const Json journal = emulator_->control("GET", "/_emu/journal?method=*.get");
  EXPECT_EQ(journal["entries"].size(), 2U);
  EXPECT_EQ(journal["entries"][0]["response"]["name"], "shop");
}

TEST(GceGlob, MatchesStarsAndQuestionMarks) {
  EXPECT_TRUE(matches_glob("*.list*", "compute.instances.list"));
  EXPECT_TRUE(matches_glob("sh?p-*", "shop-"));
  EXPECT_FALSE(matches_glob("shop", "shop-1"));
  EXPECT_TRUE(matches_glob("*a*b", "xaxaxb"));
}

}  // namespace
}  // namespace flaskscale::emulator
