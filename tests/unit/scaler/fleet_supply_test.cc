// Machines that can't be had, are kept stopped, or are replaced by newer ones.
#include <gtest/gtest.h>

#include "tests/unit/scaler/fleet_fixture.h"

namespace flaskscale::scaler {
namespace {

using FleetSupplyTest = FleetTest;

TEST_F(FleetSupplyTest, TriesTheNextZoneAtOnceWhenOneIsOutOfStock) {
  cloud.placeholders["a"] = Obstacle::capacity;
  ticks(10);

  EXPECT_EQ(cloud.in_zone("a"), 0U);
  EXPECT_EQ(cloud.in_zone("b"), 2U);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  EXPECT_TRUE(scaler->status(now).alarms.empty());
}

TEST_F(FleetSupplyTest, BacksOffWhileAllZonesAreOutOfStockAndRecovers) {
  cloud.refusals = {{"a", ErrorCode::out_of_capacity}, {"b", ErrorCode::out_of_capacity}};
  ticks(300);

  EXPECT_GE(cloud.count("create"), 6U);
  EXPECT_LE(cloud.count("create"), 14U);
  EXPECT_EQ(scaler->status(now).alarms, std::vector<std::string>{"stockout"});
  EXPECT_EQ(scaler->decisions().last()->reason, "stockout");
  EXPECT_EQ(scaler->decisions().last()->target, 2U);
  EXPECT_EQ(events.count(EventKind::alarm, "stockout"), 1U);
  EXPECT_FALSE(membership.capacity_coming);

  cloud.refusals.clear();
  ticks(620);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  EXPECT_TRUE(scaler->status(now).alarms.empty());
  EXPECT_EQ(events.count(EventKind::alarm_end, "stockout"), 1U);
}

TEST_F(FleetSupplyTest, KeepsWhatItHasDuringAStockOut) {
  ticks(30, 80);
  const size_t there = in_state(InstanceState::ready);
  EXPECT_GE(there, 5U);
  cloud.placeholders = {{"a", Obstacle::capacity}, {"b", Obstacle::capacity}};
  ticks(10, 150);
  EXPECT_EQ(scaler->status(now).alarms, std::vector<std::string>{"stockout"});
  ticks(10, 1);

  EXPECT_EQ(in_state(InstanceState::ready), there);
}

TEST_F(FleetSupplyTest, DoesNotHammerWhenTheQuotaIsUsedUp) {
  ticks(8);
  cloud.placeholders = {{"a", Obstacle::quota}, {"b", Obstacle::quota}};
  ticks(100, 60);
  const size_t creates = cloud.count("create");
  EXPECT_LE(creates, 4U);
  EXPECT_EQ(scaler->status(now).alarms, std::vector<std::string>{"quota"});
  EXPECT_EQ(scaler->decisions().last()->reason, "quota");
  EXPECT_NE(scaler->decisions().last()->sentence.find("quota"), std::string::npos);
  EXPECT_EQ(cloud.machines.size(), 2U);

  ticks(1000, 60);
  EXPECT_LE(cloud.count("create"), creates + 8);
  cloud.placeholders.clear();
  ticks(700, 60);
  EXPECT_GE(in_state(InstanceState::ready), 4U);
}

TEST_F(FleetSupplyTest, ProbesSlowlyWhileItIsMisconfigured) {
  cloud.refusals = {{"a", ErrorCode::misconfigured}, {"b", ErrorCode::permission_denied}};
  policy.min = 4;
  restart();
  ticks(1000);

  EXPECT_EQ(scaler->status(now).alarms, std::vector<std::string>{"configuration"});
  EXPECT_LE(cloud.count("create"), 10U);
  EXPECT_EQ(cloud.calls.back().second.names.size(), 1U);
  cloud.refusals.clear();
  ticks(400);
  EXPECT_EQ(in_state(InstanceState::ready), 4U);
}

TEST_F(FleetSupplyTest, GivesUpBootsRatherThanTheLastThatServe) {
  policy.min = 1;
  policy.max = 12;
  restart();
  ticks(40, 50);
  const size_t before = serving();
  ASSERT_GE(before, 4U);
  cloud.boot = std::chrono::minutes(10);
  policy.boot_timeout = std::chrono::minutes(15);
  scaler->apply(policy, now);
  ticks(40, 100);
  ASSERT_GT(in_state(InstanceState::booting), 2U);
  const size_t all = cloud.machines.size();
  for (int i = 0; i < 60; ++i) {
    tick(50);
    ASSERT_GE(serving(), std::min<size_t>(before, scaler->status(now).need));
  }
  EXPECT_LT(cloud.machines.size(), all);
}

TEST_F(FleetSupplyTest, TriesAgainAtOnceAfterAReload) {
  cloud.refusals = {{"a", ErrorCode::quota_exceeded}, {"b", ErrorCode::misconfigured}};
  ticks(60);
  cloud.refusals.clear();
  ticks(5);
  EXPECT_EQ(cloud.machines.size(), 0U);
  scaler->apply(policy, now);
  ticks(6);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
}

TEST_F(FleetSupplyTest, StopsDrainedInstancesUpToTheStandbyAndStartsThemFirst) {
  policy.standby = 2;
  restart();
  ticks(30, 80);
  const size_t most = cloud.machines.size();
  EXPECT_GE(most, 5U);
  ticks(120, 1);
  EXPECT_EQ(cloud.running(), 2U);
  EXPECT_EQ(cloud.stopped(), 2U);
  EXPECT_EQ(in_state(InstanceState::standby), 2U);
  const double billed = scaler->status(now).instance_seconds;
  ticks(10, 1);
  EXPECT_NEAR(scaler->status(now).instance_seconds, billed + 20, 1);

  const size_t creates = cloud.count("create");
  const size_t starts = cloud.count("start");
  while (cloud.count("start") == starts && cloud.count("create") == creates) tick(60);
  EXPECT_EQ(cloud.count("start"), starts + 1);
  EXPECT_EQ(cloud.calls[cloud.calls.size() - 1 - (cloud.count("create") - creates)].first, "start");
  ticks(20, 60);
  EXPECT_EQ(cloud.stopped(), 0U);
  EXPECT_GE(in_state(InstanceState::ready), 4U);
}

TEST_F(FleetSupplyTest, CreatesWhenAStoppedInstanceCannotBeStarted) {
  policy.standby = 1;
  restart();
  ticks(30, 60);
  ticks(100, 1);
  ASSERT_EQ(cloud.stopped(), 1U);
  cloud.refusals["a"] = ErrorCode::out_of_capacity;
  ticks(20, 60);

  EXPECT_GE(cloud.in_zone("b"), 1U);
  EXPECT_EQ(in_state(InstanceState::standby), 1U);
}

TEST_F(FleetSupplyTest, DeletesStoppedInstancesThatAreTooMany) {
  policy.standby = 3;
  restart();
  ticks(30, 80);
  ticks(120, 1);
  ASSERT_EQ(cloud.stopped(), 3U);
  policy.standby = 1;
  scaler->apply(policy, now);
  ticks(5, 1);
  EXPECT_EQ(cloud.stopped(), 1U);

  // One that vanishes, suspended for too long, say, is just gone.
  const size_t creates = cloud.count("create");
  std::erase_if(cloud.machines, [](const auto& m) { return m.second.report.stopped; });
  ticks(30, 1);
  EXPECT_EQ(in_state(InstanceState::standby), 0U);
  EXPECT_EQ(cloud.count("create"), creates);
}

TEST_F(FleetSupplyTest, ReplacesOldVersionsWithoutLosingCapacity) {
  policy.min = 5;
  restart();
  ticks(30, 2);
  ASSERT_EQ(serving(), 5U);
  cloud.version = "v2";
  for (int i = 0; i < 120; ++i) {
    tick(2);
    ASSERT_GE(serving(), 5U) << i;
    ASSERT_LE(cloud.machines.size(), 7U);
  }

  EXPECT_EQ(cloud.machines.size(), 5U);
  for (const auto& [name, machine] : cloud.machines) EXPECT_EQ(machine.report.version, "v2");
  EXPECT_TRUE(has_reason(Action::replace, "rollout"));
}

TEST_F(FleetSupplyTest, ReplacesASingleInstanceAtItsMaximum) {
  policy.min = policy.max = 1;
  restart();
  ticks(10);
  cloud.version = "v2";
  for (int i = 0; i < 30; ++i) {
    tick();
    ASSERT_GE(serving(), 1U);
  }

  ASSERT_EQ(cloud.machines.size(), 1U);
  EXPECT_EQ(cloud.machines.begin()->second.report.version, "v2");
}

TEST_F(FleetSupplyTest, KeepsTheOldVersionServingWhenTheNewOneDoesNotBoot) {
  policy.min = 4;
  restart();
  ticks(30);
  cloud.broken_versions = {"v2"};
  cloud.version = "v2";
  for (int i = 0; i < 600; ++i) {
    tick();
    ASSERT_EQ(serving(), 4U);
    ASSERT_LE(cloud.machines.size(), 6U);
  }
  EXPECT_EQ(scaler->status(now).alarms, std::vector<std::string>{"boot_failures"});
  const size_t creates = cloud.count("create");
  ticks(400);
  EXPECT_LE(cloud.count("create"), creates + 11);

  cloud.version = "v1";
  ticks(120);
  EXPECT_EQ(cloud.machines.size(), 4U);
}

TEST_F(FleetSupplyTest, PausesReplacingDuringAStockOut) {
  policy.min = 4;
  restart();
  ticks(30);
  cloud.placeholders = {{"a", Obstacle::capacity}, {"b", Obstacle::capacity}};
  cloud.version = "v2";
  for (int i = 0; i < 60; ++i) {
    tick();
    ASSERT_EQ(serving(), 4U);
  }
  cloud.placeholders.clear();
  ticks(400);
  for (const auto& [name, machine] : cloud.machines) EXPECT_EQ(machine.report.version, "v2");
  EXPECT_EQ(cloud.machines.size(), 4U);
}

}  // namespace
}  // namespace flaskscale::scaler
