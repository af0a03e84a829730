// The life of instances in a group, and the group's arithmetic.
#include <gtest/gtest.h>

#include "tests/unit/gce_emulator/fixture.h"

namespace flaskscale::emulator {
namespace {

using GceGroup = EmulatorTest;

const char* kRequestId = "?requestId=6f1d1b6e-7f0a-4c0e-9d55-0e7a3b1c2d3e";

Json names_only(const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const auto& name : names) list.push_back("zones/us-central1-a/instances/" + name);
  return {{"instances", list}, {"skipInstancesOnValidationError", true}};
}

TEST_F(GceGroup, CreatesInstancesWithOurNamesWhichBootAndServe) {
  const auto names = create(2);
  EXPECT_EQ(group()["targetSize"], 2);
  EXPECT_EQ(group()["currentActions"]["creating"], 2);
  EXPECT_FALSE(group()["status"]["isStable"].get<bool>());
  Json row = members()[names[0]];
  EXPECT_EQ(row["currentAction"], "CREATING");
  EXPECT_FALSE(row.contains("id"));

  pass(12);
  row = members()[names[0]];
  EXPECT_EQ(row["currentAction"], "NONE");
  EXPECT_EQ(row["instanceStatus"], "RUNNING");
  EXPECT_FALSE(row["id"].get<std::string>().empty());
  EXPECT_TRUE(group()["status"]["isStable"].get<bool>());

  const Json machine = call("GET", std::string(kZone) + "/instances/" + names[0]).body;
  const std::string address = machine["networkInterfaces"][0]["networkIP"];
  EXPECT_EQ(host_.health(address), SimulatedHost::Health::absent);
  pass(20);
  EXPECT_EQ(host_.health(address), SimulatedHost::Health::serving);
}

TEST_F(GceGroup, DeletesByNameAndSkipsWhatIsNoMember) {
  const auto names = create(2);
  pass(40);

  EXPECT_EQ(group_call("deleteInstances", names_only({names[0], "nobody"})).status, 200);
  EXPECT_EQ(group()["targetSize"], 1);
  EXPECT_EQ(members()[names[0]]["currentAction"], "DELETING");
  EXPECT_EQ(group_call("deleteInstances", names_only({names[0]})).status, 200);
  EXPECT_EQ(group()["targetSize"], 1);

  pass(40);
  EXPECT_FALSE(members().contains(names[0]));
  EXPECT_EQ(call("GET", std::string(kZone) + "/instances/" + names[0]).status, 404);
}

TEST_F(GceGroup, RefusesAWholeDeleteForOneStrangerWithoutTheSkipFlag) {
  const auto names = create(1);
  pass(40);
  Json body = names_only({names[0], "nobody"});
  body.erase("skipInstancesOnValidationError");

  EXPECT_EQ(group_call("deleteInstances", body).status, 400);
  EXPECT_EQ(group()["targetSize"], 1);
  expected_violations_ = 1;
}

TEST_F(GceGroup, FailsAWholeCreateInItsOperationForOneNameThatIsThere) {
  const auto names = create(1);
  const Called again = group_call("createInstances",
                                  {{"instances", {{{"name", "shop-new"}}, {{"name", names[0]}}}}});
  ASSERT_EQ(again.status, 200);
  EXPECT_EQ(group()["targetSize"], 1);

  const Json done = call("POST", std::string(kZone) + "/operations/" +
                                     again.body["name"].get<std::string>() + "/wait")
                        .body;
  EXPECT_EQ(done["status"], "DONE");
  EXPECT_EQ(done["error"]["errors"][0]["code"], "MEMBER_ALREADY_EXISTS");
  EXPECT_FALSE(members().contains("shop-new"));
}

TEST_F(GceGroup, ActsOnceForARequestIdAndRefusesItForAnotherBody) {
  const Json body = {{"instances", {{{"name", "shop-x"}}}}};
  const Called first = group_call("createInstances", body, kRequestId);
  const Called second = group_call("createInstances", body, kRequestId);
  EXPECT_EQ(first.body["name"], second.body["name"]);
  EXPECT_EQ(group()["targetSize"], 1);

  const Json other = {{"instances", {{{"name", "shop-y"}}}}};
  EXPECT_EQ(group_call("createInstances", other, kRequestId).status, 409);
  fault({{"kind", "forget_request_id"}, {"method", "*.createInstances"}});
  const Called third = group_call("createInstances", body, kRequestId);
  EXPECT_NE(third.body["name"], first.body["name"]);
  pass(5);
  const Json done =
      call("GET", std::string(kZone) + "/operations/" + third.body["name"].get<std::string>()).body;
  EXPECT_EQ(done["error"]["errors"][0]["code"], "MEMBER_ALREADY_EXISTS");
}

TEST_F(GceGroup, RefusesCreatesWhileItReplacesProactively) {
  act("policy", {{"group", "shop"}, {"type", "PROACTIVE"}});
  const Called made = group_call("createInstances", {{"instances", {{{"name", "shop-x"}}}}});
  pass(5);
  const Json done =
      call("GET", std::string(kZone) + "/operations/" + made.body["name"].get<std::string>()).body;
  EXPECT_EQ(done["httpErrorStatusCode"], 412);
  EXPECT_EQ(done["error"]["errors"][0]["code"], "CONDITION_NOT_MET");
  EXPECT_EQ(group()["targetSize"], 0);
}

TEST_F(GceGroup, KeepsTryingInAStockoutAndShowsItInTheLastAttempt) {
  emulator_->control("PUT", "/_emu/settings", {{"capacity", {{"us-central1-a", {{"left", 1}}}}}});
  const auto names = create(2);
  pass(20);
  Json rows = members();
  const std::string failed = rows[names[0]].contains("id") ? names[1] : names[0];
  EXPECT_EQ(rows[failed]["currentAction"], "CREATING");
  EXPECT_FALSE(rows[failed].contains("id"));
  const Json error = rows[failed]["lastAttempt"]["errors"]["errors"][0];
  EXPECT_EQ(error["code"], "ZONE_RESOURCE_POOL_EXHAUSTED");
  EXPECT_EQ(error["errorDetails"][0]["errorInfo"]["reason"], "resource_availability");
  EXPECT_EQ(group()["targetSize"], 2);
  EXPECT_EQ(call("GET", std::string(kGroup) + "/listErrors").body["items"].size(), 1U);

  emulator_->control("PUT", "/_emu/settings",
                     {{"capacity", {{"us-central1-a", {{"left", nullptr}}}}}});
  pass(60);
  EXPECT_EQ(members()[failed]["instanceStatus"], "RUNNING");
}

TEST_F(GceGroup, RepairsUnderTheSameNameWithANewIdAndAddress) {
  const auto names = create(1);
  pass(40);
  const Json before = members()[names[0]];
  const std::string path = std::string(kZone) + "/instances/" + names[0];
  const std::string address = call("GET", path).body["networkInterfaces"][0]["networkIP"];

  act("preempt", {{"name", names[0]}, {"notice", 30}});
  EXPECT_EQ(members()[names[0]]["instanceStatus"], "STOPPING");
  EXPECT_EQ(host_.health(address), SimulatedHost::Health::serving);
  pass(31);
  EXPECT_EQ(host_.health(address), SimulatedHost::Health::absent);
  EXPECT_EQ(members()[names[0]]["instanceStatus"], "TERMINATED");
  pass(60);

  const Json after = members()[names[0]];
  EXPECT_EQ(after["instanceStatus"], "RUNNING");
  EXPECT_NE(after["id"], before["id"]);
  EXPECT_NE(call("GET", path).body["networkInterfaces"][0]["networkIP"], address);
  EXPECT_EQ(group()["targetSize"], 1);
}

TEST_F(GceGroup, RecreatesWhatAnOperatorDeletesBehindItsBack) {
  const auto names = create(1);
  pass(40);
  const Json before = members()[names[0]];
  act("delete", {{"name", names[0]}});
  pass(90);
  EXPECT_EQ(members()[names[0]]["currentAction"], "NONE");
  EXPECT_NE(members()[names[0]]["id"], before["id"]);
}

TEST_F(GceGroup, StopsAndStartsMembersAndMovesThemBetweenItsSizes) {
  const auto names = create(2);
  pass(40);
  const Json before = members()[names[0]];
  const Json one = {{"instances", {"zones/us-central1-a/instances/" + names[0]}}};

  EXPECT_EQ(group_call("stopInstances", one).status, 200);
  EXPECT_EQ(group()["targetSize"], 1);
  EXPECT_EQ(group()["targetStoppedSize"], 1);
  EXPECT_EQ(members()[names[0]]["currentAction"], "STOPPING");
  pass(40);
  EXPECT_EQ(members()[names[0]]["instanceStatus"], "TERMINATED");
  EXPECT_EQ(members()[names[0]]["currentAction"], "NONE");
  EXPECT_EQ(group_call("stopInstances", one).status, 412);

  EXPECT_EQ(group_call("startInstances", one).status, 200);
  EXPECT_EQ(group()["targetSize"], 2);
  pass(8);
  EXPECT_EQ(members()[names[0]]["instanceStatus"], "RUNNING");
  EXPECT_EQ(members()[names[0]]["id"], before["id"]);
}

TEST_F(GceGroup, SuspendedMembersResumeWarmOrVanishAfterSixtyDays) {
  const auto names = create(2);
  pass(40);
  const Json both = {
      {"instances",
       {"zones/us-central1-a/instances/" + names[0], "zones/us-central1-a/instances/" + names[1]}}};
  group_call("suspendInstances", both);
  pass(20);
  EXPECT_EQ(members()[names[0]]["instanceStatus"], "SUSPENDED");
  group_call("resumeInstances", {{"instances", {"zones/us-central1-a/instances/" + names[0]}}});
  pass(7);
  EXPECT_EQ(members()[names[0]]["instanceStatus"], "RUNNING");

  pass(61.0 * 86'400);
  token_.clear();
  EXPECT_FALSE(members().contains(names[1]));
  EXPECT_EQ(group()["targetSuspendedSize"], 0);
}

TEST_F(GceGroup, AbandonedInstancesLiveOnOutsideIt) {
  const auto names = create(1);
  pass(40);
  act("abandon", {{"group", "shop"}, {"names", {names[0]}}});
  pass(5);
  EXPECT_TRUE(members().empty());
  EXPECT_EQ(group()["targetSize"], 0);
  EXPECT_EQ(call("GET", std::string(kZone) + "/instances/" + names[0]).body["status"], "RUNNING");
}

TEST_F(GceGroup, ResizesByMakingNamesAndChoosingVictimsItself) {
  EXPECT_EQ(group_call("resize", {}, "?size=3").status, 200);
  EXPECT_EQ(members().size(), 3U);
  pass(40);
  EXPECT_EQ(group_call("resize", {}, "?size=1").status, 200);
  pass(60);
  EXPECT_EQ(members().size(), 1U);
}

TEST_F(GceGroup, PatchNeedsTheFingerprintOfNow) {
  const Json first = group();
  Json patch = {{"description", "lease"}, {"fingerprint", first["fingerprint"]}};
  EXPECT_EQ(call("PATCH", kGroup, patch).status, 200);
  EXPECT_EQ(group()["description"], "lease");
  EXPECT_EQ(call("PATCH", kGroup, patch).status, 412);
}

TEST_F(GceGroup, NewTemplatesTouchNoMemberButThoseMadeAfterwards) {
  const auto old = create(1);
  pass(40);
  act("set_template", {{"group", "shop"}, {"template", "shop-v2"}});
  const auto fresh = create(1);
  pass(40);
  const Json rows = members();
  EXPECT_TRUE(text_of(rows[old[0]]["version"], "instanceTemplate").ends_with("/shop-v1"));
  EXPECT_TRUE(text_of(rows[fresh[0]]["version"], "instanceTemplate").ends_with("/shop-v2"));
}

TEST_F(GceGroup, TheSameSeedGivesTheSameHistory) {
  std::vector<std::string> histories;
  for (int run = 0; run < 2; ++run) {
    SimulatedHost host;
    Settings settings;
    settings.seed = 42;
    Emulator emulator(settings, discovery_, host);
    emulator.control("POST", "/_emu/faults",
                     {{"kind", "create"}, {"method", "vm.create"}, {"probability", 0.5}});
    emulator.control("POST", "/_emu/actions/resize", {{"group", "shop"}, {"size", 7}});
    for (int i = 0; i < 50; ++i) emulator.advance(3);
    histories.push_back(emulator.control("GET", "/_emu/state").dump());
  }
  EXPECT_EQ(histories[0], histories[1]);
}

}  // namespace
}  // namespace flaskscale::emulator
