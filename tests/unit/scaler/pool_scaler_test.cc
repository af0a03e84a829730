#include "scaler/pool_scaler.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/scaler/fakes.h"

namespace flaskscale::scaler {
namespace {

Policy quick_policy() {
  Policy policy;
  policy.min = 1;
  policy.max = 8;
  policy.slots = 4;
  policy.drain_timeout = std::chrono::seconds(20);
  policy.boot_timeout = std::chrono::seconds(40);
  policy.scale_in_window = std::chrono::seconds(15);
  policy.scale_in_interval = std::chrono::seconds(4);
  policy.boot_estimate = std::chrono::seconds(5);
  return policy;
}

class PoolScalerTest : public ::testing::Test {
 protected:
  PoolScalerTest() { restart(); }

  void restart() {
    scaler = std::make_unique<PoolScaler>(
        "shop", policy, PoolScalerParts{provider, executor, membership, random, nullptr, nullptr});
  }
  void tick(double rate = 0, double service_time = 0.2) {
    const auto arrivals = static_cast<uint64_t>(rate);
    load.arrivals += arrivals;
    load.dispatched += arrivals;
    load.completions += arrivals;
    load.holding_seconds += rate * service_time;
    load.in_flight_seconds += rate * service_time;
    now += std::chrono::seconds(1);
    scaler->tick(load, now, wall());
  }
  void ticks(int count, double rate = 0) {
    for (int i = 0; i < count; ++i) tick(rate);
  }
  WallTime wall() const {
    return WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()));
  }
  size_t in_state(InstanceState state) const {
    const ScalerStatus status = scaler->status(now);
    return static_cast<size_t>(std::count_if(status.instances.begin(), status.instances.end(),
                                             [&](const auto& i) { return i.state == state; }));
  }
  const Decision& last() const { return *scaler->decisions().last(); }
  std::vector<std::string> reasons(Action action) const {
    std::vector<std::string> found;
    for (const Decision& d : scaler->decisions().entries()) {
      if (d.action == action) found.push_back(d.reason);
    }
    return found;
  }

  Policy policy = quick_policy();
  FakeProvider provider;
  FakeExecutor executor;
  FakeMembership membership;
  Random random{1};
  LoadSample load;
  Time now{std::chrono::hours(1)};
  std::unique_ptr<PoolScaler> scaler;
};

TEST_F(PoolScalerTest, StartsTheMinimumInTheFirstTick) {
  tick();

  EXPECT_EQ(provider.there.size(), 1U);
  EXPECT_EQ(reasons(Action::scale_out), std::vector<std::string>{"below_min"});
  ticks(2);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
  EXPECT_EQ(executor.most_under_way, 1);
}

TEST_F(PoolScalerTest, FollowsTheLoadOutAndIn) {
  ticks(20, 2);
  ticks(30, 50);
  EXPECT_EQ(in_state(InstanceState::ready), 5U);
  EXPECT_EQ(scaler->status(now).desired, 5U);

  ticks(200, 2);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
  EXPECT_EQ(provider.there.size(), 1U);
  EXPECT_EQ(executor.most_under_way, 1);
  EXPECT_GT(scaler->status(now).instance_seconds, 200);
}

TEST_F(PoolScalerTest, AdoptsWhatIsThereBeforeItCreates) {
  for (const char* name : {"shop-abc123", "shop-abc124", "shop-b-abc12", "other-abc123"}) {
    provider.put(name, "1", "10.1.0." + std::to_string(provider.there.size()) + ":80");
  }

  ticks(3);

  EXPECT_EQ(provider.count("create"), 0U);
  EXPECT_EQ(in_state(InstanceState::ready), 2U);
  EXPECT_EQ(membership.members.size(), 2U);
}

TEST_F(PoolScalerTest, ConcludesNothingWhileTheListFails) {
  provider.list_fails = true;
  ticks(5);
  EXPECT_EQ(provider.count("create"), 0U);
  EXPECT_EQ(last().reason, "list_unknown");
  EXPECT_EQ(scaler->status(now).last_error, "the cloud is down");

  provider.list_fails = false;
  ticks(30, 50);
  const size_t before = membership.members.size();
  provider.list_fails = true;
  ticks(300, 1);
  EXPECT_EQ(membership.members.size(), before);
  EXPECT_EQ(membership.draining(), 0U);
  EXPECT_EQ(last().reason, "list_failed");

  provider.list_fails = false;
  ticks(200, 1);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
  EXPECT_EQ(scaler->status(now).last_error, "");
}

TEST_F(PoolScalerTest, DeletesNothingWhileTheListFails) {
  ticks(30, 50);
  for (auto& [address, member] : membership.members) member.report.in_flight = 1;
  while (membership.draining() == 0) tick(1);
  provider.list_fails = true;
  tick(1);
  for (auto& [address, member] : membership.members) member.report.in_flight = 0;

  ticks(60, 1);
  EXPECT_EQ(provider.count("remove"), 0U);

  provider.list_fails = false;
  ticks(2, 1);
  EXPECT_GE(provider.count("remove"), 1U);
}

TEST_F(PoolScalerTest, ReplacesACrashedInstanceAtOnce) {
  ticks(60, 2);
  const std::string name = provider.there.begin()->first;
  provider.there[name].exited = true;
  provider.there[name].running = false;
  provider.there[name].detail = "killed by signal 9";

  ticks(3, 2);

  EXPECT_FALSE(provider.there.contains(name));
  EXPECT_EQ(provider.there.size(), 1U);
  ASSERT_EQ(reasons(Action::replace), std::vector<std::string>{"crashed"});
  EXPECT_EQ(membership.members.size(), 1U);
}

TEST_F(PoolScalerTest, LeavesThePoolBeforeTheDeleteCall) {
  ticks(30, 50);
  provider.on_remove = [&](const std::string& name) {
    const std::string address = provider.there.at(name).address;
    EXPECT_FALSE(membership.members.contains(address)) << name;
  };

  ticks(200, 1);

  EXPECT_GE(provider.count("remove"), 4U);
}

TEST_F(PoolScalerTest, DeletesOnlyWithNothingInFlight) {
  ticks(30, 50);
  for (auto& [address, member] : membership.members) member.report.in_flight = 1;
  while (membership.draining() == 0) tick(1);
  ticks(10, 1);
  EXPECT_EQ(provider.count("remove"), 0U);

  for (auto& [address, member] : membership.members) {
    if (member.draining) member.report.in_flight = 0;
  }
  tick(1);
  EXPECT_GE(provider.count("remove"), 1U);
}

TEST_F(PoolScalerTest, DeletesPastTheDrainTimeout) {
  ticks(30, 50);
  for (auto& [address, member] : membership.members) member.report.in_flight = 1;
  while (membership.draining() == 0) tick(1);
  const Time drained = now;

  while (provider.count("remove") == 0 && now < drained + std::chrono::minutes(2)) tick(1);

  EXPECT_EQ(now - drained, policy.drain_timeout);
}

TEST_F(PoolScalerTest, DrainsTheInstanceWithTheFewestInFlight) {
  ticks(30, 50);
  uint32_t count = 10;
  for (auto& [address, member] : membership.members) member.report.in_flight = --count;
  const uint32_t fewest = count;

  while (membership.draining() == 0) tick(1);

  for (auto& [address, member] : membership.members) {
    EXPECT_EQ(member.draining, member.report.in_flight == fewest);
  }
}

TEST_F(PoolScalerTest, TakesBackADrainingInstanceBeforeItCreates) {
  ticks(30, 50);
  for (auto& [address, member] : membership.members) member.report.in_flight = 1;
  while (membership.draining() == 0) tick(1);
  const size_t created = provider.count("create");

  for (int i = 0; i < 20 && membership.draining() > 0; ++i) tick(50);

  EXPECT_EQ(membership.draining(), 0U);
  EXPECT_EQ(provider.count("create"), created);
  EXPECT_EQ(reasons(Action::undrain).size(), 1U);
}

TEST_F(PoolScalerTest, GivesUpABootThatNeverAnswersAndSlowsDown) {
  policy.boot_timeout = std::chrono::seconds(20);
  restart();
  membership.answers = false;
  ticks(21);
  EXPECT_EQ(provider.count("create"), 1U);
  ticks(5);
  EXPECT_EQ(provider.count("create"), 2U);
  EXPECT_GE(provider.count("remove"), 1U);

  ticks(200);
  EXPECT_LE(provider.there.size(), 2U);
  EXPECT_FALSE(reasons(Action::replace).empty());
  membership.answers = true;
  membership.answer_all();
  ticks(60);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
}

TEST_F(PoolScalerTest, BacksOffWhenCreateFails) {
  provider.create_fails = true;
  ticks(300);

  EXPECT_GE(provider.count("create"), 5U);
  EXPECT_LE(provider.count("create"), 14U);
  EXPECT_EQ(last().reason, "boot_backoff");
  EXPECT_EQ(scaler->status(now).last_error, "no capacity");
  EXPECT_FALSE(membership.capacity_coming);

  provider.create_fails = false;
  ticks(75);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
  EXPECT_EQ(scaler->status(now).last_error, "");
}

TEST_F(PoolScalerTest, CreatesSeveralWantedInstancesInOneGo) {
  policy.min = 6;
  restart();

  tick();

  EXPECT_EQ(provider.there.size(), 6U);
  EXPECT_EQ(executor.most_under_way, 1);
}

TEST_F(PoolScalerTest, CountsACreateUnderWayAsPlanned) {
  executor.held = true;
  tick();
  executor.finish_one();  // the list
  ticks(10);
  EXPECT_EQ(provider.count("create"), 0U);
  EXPECT_EQ(executor.waiting.size(), 1U);

  while (!executor.waiting.empty()) executor.finish_one();
  executor.held = false;
  ticks(3);
  EXPECT_EQ(provider.count("create"), 1U);
}

TEST_F(PoolScalerTest, ObservesWithoutAnyCall) {
  policy.mode = Mode::observe;
  provider.put("shop-abc123", "1", "10.1.0.1:80");
  restart();

  ticks(30, 50);

  EXPECT_TRUE(provider.calls.empty());
  EXPECT_EQ(last().action, Action::observe);
  EXPECT_EQ(last().reason, "load");
  EXPECT_EQ(last().target, 5U);
  EXPECT_GT(last().repeats, 10U);
  EXPECT_EQ(membership.members.size(), 1U);
}

TEST_F(PoolScalerTest, ScalesOutOnlyWhenToldSo) {
  policy.mode = Mode::scale_out_only;
  restart();
  ticks(30, 50);
  ticks(300, 1);

  EXPECT_EQ(in_state(InstanceState::ready), 5U);
  EXPECT_EQ(last().reason, "scale_out_only");
}

TEST_F(PoolScalerTest, DecidesNothingWhenOff) {
  policy.mode = Mode::off;
  restart();
  ticks(30, 50);

  EXPECT_TRUE(provider.calls.empty());
  EXPECT_EQ(last().reason, "mode_off");
}

TEST_F(PoolScalerTest, KeepsEstimatesAndCoolDownsOnReload) {
  ticks(30, 50);
  const ScalerStatus before = scaler->status(now);
  policy.max = 3;
  scaler->apply(policy, now);
  tick(50);

  EXPECT_NEAR(scaler->status(now).arrival_rate, before.arrival_rate, 1);
  EXPECT_EQ(last().reason, "above_max");
  ticks(3, 50);
  EXPECT_EQ(in_state(InstanceState::ready), 3U);
  policy.max = 8;
  policy.min = 7;
  scaler->apply(policy, now);
  ticks(3, 50);
  EXPECT_EQ(in_state(InstanceState::ready), 7U);
}

TEST_F(PoolScalerTest, TakesDrainingInstancesBackWhenToldToObserve) {
  ticks(30, 50);
  for (auto& [address, member] : membership.members) member.report.in_flight = 1;
  while (membership.draining() == 0) tick(1);

  policy.mode = Mode::observe;
  scaler->apply(policy, now);

  EXPECT_EQ(membership.draining(), 0U);
}

TEST_F(PoolScalerTest, EndsAllInstancesAtShutdown) {
  ticks(30, 50);
  scaler->begin_shutdown();
  ticks(5, 100);
  EXPECT_EQ(provider.there.size(), 5U);
  EXPECT_EQ(last().reason, "shutting_down");
  EXPECT_FALSE(scaler->idle());

  scaler->stop_instances(now);
  ticks(2);

  EXPECT_TRUE(scaler->idle());
  EXPECT_TRUE(provider.there.empty());
  EXPECT_TRUE(membership.members.empty());
}

TEST_F(PoolScalerTest, EndsAnInstanceWhoseCreateWasUnderWayAtShutdown) {
  executor.held = true;
  tick();
  executor.finish_one();
  scaler->stop_instances(now);
  EXPECT_FALSE(scaler->idle());

  while (!executor.waiting.empty()) executor.finish_one();
  executor.held = false;
  ticks(2);

  EXPECT_TRUE(scaler->idle());
  EXPECT_TRUE(provider.there.empty());
}

TEST_F(PoolScalerTest, IgnoresCompletionsAfterItsEnd) {
  executor.held = true;
  tick();
  scaler.reset();

  while (!executor.waiting.empty()) executor.finish_one();

  EXPECT_TRUE(provider.calls.empty());
}

TEST_F(PoolScalerTest, HoldsRequestsOfAnEmptyPoolAndWakesIt) {
  policy.min = 0;
  restart();
  ticks(10);
  EXPECT_TRUE(provider.calls.empty());
  EXPECT_TRUE(membership.capacity_coming);

  load.queued = 1;
  load.arrivals += 1;
  scaler->tick(load, now + std::chrono::milliseconds(3), wall());

  EXPECT_EQ(provider.count("create"), 1U);
  EXPECT_EQ(last().reason, "first_request");
}

TEST_F(PoolScalerTest, ReplacesAnInstanceThatVanished) {
  ticks(60, 2);
  provider.there.clear();

  ticks(3, 2);

  EXPECT_EQ(provider.there.size(), 1U);
  EXPECT_EQ(reasons(Action::replace), std::vector<std::string>{"vanished"});
}

TEST_F(PoolScalerTest, LetsARepairedInstanceProveItselfAnew) {
  ticks(60, 2);
  InstanceReport& report = provider.there.begin()->second;
  const std::string old_address = report.address;
  membership.answers = false;
  report.id = "2";
  ticks(2, 2);
  report.id = "3";
  report.address = "10.0.9.9:80";
  ticks(2, 2);

  EXPECT_EQ(in_state(InstanceState::booting), 1U);
  EXPECT_FALSE(membership.members.contains(old_address));
  membership.answer("10.0.9.9:80");
  ticks(1, 2);
  EXPECT_EQ(in_state(InstanceState::ready), 1U);
  EXPECT_EQ(provider.count("create"), 1U);
}

TEST_F(PoolScalerTest, DoesNotCountWhatAnOperatorDrained) {
  ticks(10, 2);
  membership.members.begin()->second.report.draining_by_operator = true;

  ticks(3, 2);

  EXPECT_EQ(provider.there.size(), 2U);
}

TEST_F(PoolScalerTest, RetriesADeleteThatFailed) {
  ticks(30, 50);
  provider.remove_fails = true;
  ticks(100, 1);
  EXPECT_GE(in_state(InstanceState::deleting), 1U);
  EXPECT_EQ(scaler->status(now).last_error, "the cloud is down");

  provider.remove_fails = false;
  ticks(100, 1);
  EXPECT_EQ(provider.there.size(), 1U);
}

TEST_F(PoolScalerTest, ExplainsEveryTick) {
  ticks(30, 50);
  ticks(100, 1);

  uint64_t explained = 0;
  for (const Decision& d : scaler->decisions().entries()) {
    explained += d.repeats;
    EXPECT_FALSE(d.reason.empty());
    EXPECT_FALSE(d.sentence.empty());
    EXPECT_GE(d.number, 1U);
  }
  EXPECT_GE(explained, 130U);
  uint64_t counted = 0;
  for (const auto& [key, count] : scaler->decisions().counts()) counted += count;
  EXPECT_EQ(counted, explained);
}

TEST(DecisionLog, KeepsTheLastThousand) {
  DecisionLog log;
  for (uint32_t i = 0; i < 1500; ++i) {
    Decision decision;
    decision.reason = "enough";
    decision.target = i;
    log.record(decision);
    log.record(decision);
  }

  EXPECT_EQ(log.entries().size(), 1000U);
  EXPECT_EQ(log.last()->number, 1500U);
  EXPECT_EQ(log.last()->repeats, 2U);
  EXPECT_EQ(log.counts().begin()->second, 3000U);
}

}  // namespace
}  // namespace flaskscale::scaler
