// What the scaler asks a cloud for, and what it makes of the answers.
#include <gtest/gtest.h>

#include <memory>

#include "scaler/request_id.h"
#include "tests/unit/scaler/fleet_fixture.h"

namespace flaskscale::scaler {
namespace {

TEST_F(FleetTest, AsksForAllNewInstancesInOneCallInTheBestZone) {
  policy.min = 6;
  restart();
  tick();

  ASSERT_EQ(cloud.calls.size(), 1U);
  const InstanceCall& call = cloud.calls[0].second;
  EXPECT_EQ(call.names.size(), 6U);
  EXPECT_EQ(call.zone, "a");
  EXPECT_EQ(call.request_id.size(), 36U);
  EXPECT_EQ(executor.most_under_way, 1);
  ticks(6);
  EXPECT_EQ(in_state(InstanceState::ready), 6U);
}

TEST_F(FleetTest, DeletesInOneCallPerZone) {
  policy.min = 6;
  restart();
  ticks(6);
  policy.min = policy.max = 2;
  scaler->apply(policy, now);
  ticks(4);

  EXPECT_EQ(cloud.machines.size(), 2U);
  EXPECT_EQ(cloud.count("remove"), 1U);
}

TEST_F(FleetTest, RepeatsABusyCallAsItWas) {
  cloud.errors["create"] = error_of(ErrorCode::unavailable, Retry::always);
  ticks(12);
  cloud.errors.clear();
  ticks(14);

  ASSERT_GE(cloud.calls.size(), 3U);
  for (const auto& [what, call] : cloud.calls) {
    EXPECT_EQ(what, "create");
    EXPECT_EQ(call.request_id, cloud.calls[0].second.request_id);
    EXPECT_EQ(call.names, cloud.calls[0].second.names);
  }
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  EXPECT_EQ(cloud.ever.size(), 2U);
}

TEST_F(FleetTest, MakesNoDoublesWhenTheReplyIsLost) {
  cloud.lost["create"] = error_of(ErrorCode::timed_out, Retry::always);
  ticks(5);
  cloud.lost.clear();
  ticks(10);

  EXPECT_EQ(cloud.ever.size(), 2U);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
}

TEST_F(FleetTest, AsksForEachAloneWhenABatchCannotBeDeleted) {
  policy.min = 6;
  restart();
  ticks(6);
  cloud.errors["remove"] = error_of(ErrorCode::invalid_argument);
  policy.min = policy.max = 2;
  scaler->apply(policy, now);
  ticks(40);

  std::set<std::string> ids;
  for (const auto& [what, call] : cloud.calls) {
    if (what == "remove") ids.insert(call.request_id);
  }
  EXPECT_GE(ids.size(), 5U);
  EXPECT_EQ(cloud.calls.back().second.names.size(), 1U);
  cloud.errors.clear();
  ticks(40);
  EXPECT_EQ(cloud.machines.size(), 2U);
}

TEST_F(FleetTest, AdoptsWhatTheProviderKnowsToBeOurs) {
  ticks(10);
  for (const char* name : {"group-made", "foreign"}) {
    FakeCloud::Machine machine;
    machine.report.name = name;
    machine.report.ours = std::string(name) == "group-made";
    machine.report.version = "v1";
    machine.report.address = std::string("10.77.0.1:") + (machine.report.ours ? "80" : "81");
    machine.report.running = true;
    cloud.machines[name] = machine;
  }
  ticks(2);
  EXPECT_EQ(in_state(InstanceState::ready), 3U);
  ticks(60, 1);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  EXPECT_TRUE(cloud.machines.contains("foreign"));
}

TEST_F(FleetTest, AdoptsAMachineThatComesLate) {
  policy.min = 1;
  restart();
  cloud.errors["create"] = error_of(ErrorCode::timed_out);
  tick();
  cloud.errors.clear();
  const std::string name = cloud.calls[0].second.names[0];
  ticks(10);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);

  // Hours after it was cleaned up.
  now += std::chrono::hours(2);
  cloud.now = now;
  InstanceCall late;
  late.names = {name};
  late.zone = "a";
  ASSERT_TRUE(cloud.create(late).has_value());
  ticks(10);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  ticks(120);
  EXPECT_EQ(cloud.machines.size(), 1U);
}

TEST_F(FleetTest, DeletesAgainWhatComesBackSoonAfterItsEnd) {
  ticks(10);
  const auto machine = *cloud.machines.begin();
  policy.min = policy.max = 1;
  scaler->apply(policy, now);
  while (cloud.machines.size() > 1) tick();
  const auto removed = cloud.calls.back().second.names[0];
  ticks(3);
  cloud.machines[removed] = machine.second;
  cloud.machines[removed].report.name = removed;
  cloud.machines[removed].report.address = "10.9.9.9:80";
  ticks(4);

  EXPECT_EQ(cloud.machines.size(), 1U);
  EXPECT_FALSE(cloud.machines.contains(removed));
}

TEST_F(FleetTest, ReplacesAtOnceWhatSomebodyElseEnds) {
  ticks(60, 2);
  auto& [name, machine] = *cloud.machines.begin();
  const std::string address = machine.report.address;
  membership.members[address].report.in_flight = 3;
  machine.report.leaving = true;
  ticks(2, 2);

  EXPECT_TRUE(membership.members[address].draining);
  EXPECT_EQ(cloud.machines.size(), 3U);
  EXPECT_EQ(cloud.count("remove"), 0U);
  EXPECT_TRUE(has_reason(Action::replace, "leaving"));
  const std::string gone = name;
  cloud.machines.erase(gone);
  ticks(5, 2);
  EXPECT_FALSE(membership.members.contains(address));
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
}

TEST_F(FleetTest, KeepsNoDoubleOfAMachineThatWasRepaired) {
  ticks(60, 2);
  auto& machine = cloud.machines.begin()->second;
  machine.report.leaving = true;
  ticks(8, 2);
  ASSERT_EQ(in_state(InstanceState::ready), 2U);
  machine.report.leaving = false;
  machine.report.id = "another";
  ticks(5, 2);

  EXPECT_EQ(cloud.machines.size(), 2U);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
}

TEST_F(FleetTest, TakesARepairedMachineBackWhenNoOtherCanBeHad) {
  ticks(60, 2);
  cloud.refusals = {{"a", ErrorCode::out_of_capacity}, {"b", ErrorCode::out_of_capacity}};
  auto& machine = cloud.machines.begin()->second;
  machine.report.leaving = true;
  ticks(8, 2);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
  machine.report.leaving = false;
  machine.report.address = "10.0.7.7:80";
  machine.report.id = "another";
  ticks(5, 2);

  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  EXPECT_TRUE(membership.members.contains("10.0.7.7:80"));
}

TEST_F(FleetTest, NeverGivesUpAllUnhealthyInstancesTogether) {
  policy.min = 8;
  restart();
  ticks(60, 2);
  cloud.broken_versions = {"v1"};
  cloud.version = "v2";
  cloud.version = "v1";
  ticks(39, 2);
  EXPECT_EQ(cloud.count("remove"), 0U);
  ticks(6, 2);

  size_t removed = 0;
  for (const auto& [what, call] : cloud.calls) removed += what == "remove" ? call.names.size() : 0;
  EXPECT_GE(removed, 1U);
  EXPECT_LE(removed, 4U);
}

TEST_F(FleetTest, WaitsForASecondListBeforeItBelievesThatAHealthyInstanceIsGone) {
  ticks(60, 2);
  cloud.hidden = {cloud.machines.begin()->first};
  tick(2);
  cloud.hidden.clear();
  ticks(5, 2);

  EXPECT_EQ(cloud.ever.size(), 2U);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
}

TEST_F(FleetTest, AsksForTheListLessOftenAtRest) {
  cloud.able.list_interval = std::chrono::seconds(10);
  cloud.able.list_interval_moving = std::chrono::seconds(2);
  size_t lists = 0;
  class Counting : public FakeExecutor {
   public:
    explicit Counting(size_t& counter) : counter_(counter) {}
    void run(std::function<void()> blocking, std::function<void()> then) override {
      ++counter_;
      FakeExecutor::run(std::move(blocking), std::move(then));
    }
    size_t& counter_;
  } counting(lists);
  scaler = std::make_unique<PoolScaler>(
      "shop", policy, PoolScalerParts{cloud, counting, membership, random, nullptr, nullptr});
  ticks(30);
  lists = 0;
  ticks(100);
  EXPECT_GE(lists, 9U);
  EXPECT_LE(lists, 11U);
}

TEST_F(FleetTest, TellsEachChangeOfAnInstance) {
  ticks(10);

  EXPECT_EQ(events.count(EventKind::instance, "booting"), 2U);
  EXPECT_EQ(events.count(EventKind::instance, "ready"), 2U);
  EXPECT_EQ(events.count(EventKind::decision, "scale_out"), 1U);
  const size_t told = events.events.size();
  ticks(200);
  EXPECT_LE(events.events.size(), told + 3);
}

TEST_F(FleetTest, ExplainsEachReasonInPlainWords) {
  LawOutput out;
  for (const char* reason :
       {"enough", "at_max", "recent_need", "requests_wait", "just_started", "scale_in_interval",
        "front_door_silent", "front_door_was_silent", "growth_limit", "futile", "deploy",
        "schedule", "stockout", "quota", "configuration", "list_failed", "scale_out_only",
        "boot_backoff", "no_candidate"}) {
    const std::string text = decision_sentence(Action::hold, reason, out, {});
    EXPECT_NE(text, "0 planned, 0 needed.") << reason;
  }
  out.forecast.rate = 12;
  out.schedule_floor = 5;
  const std::string formula = decision_formula(out, LawSettings{});
  EXPECT_NE(formula.find("F 12.0/s by"), std::string::npos) << formula;
  EXPECT_NE(formula.find("schedule 5"), std::string::npos) << formula;
}

TEST(RequestId, IsARandomUuid) {
  Random random(7);
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_request_id(random);
    ASSERT_EQ(id.size(), 36U);
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000U);
}

}  // namespace
}  // namespace flaskscale::scaler
