// The provider over the emulated Compute Engine, in simulated time.
#include "tests/support/gce/emulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "scaler/providers/gce_provider.h"
#include "tests/support/gce/discovery_file.h"
#include "tests/support/gce/in_process_client.h"
#include "tests/support/gce/simulated_host.h"

namespace flaskscale::scaler {
namespace {

using emulator::Json;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class GceEmulatorTest : public testing::Test {
 protected:
  using Reports = std::map<std::string, InstanceReport>;

  void begin(emulator::Settings cloud = {}) {
    const auto discovery = emulator::discovery_for_tests();
    if (!discovery && emulator::must_have_discovery()) FAIL() << discovery.error().detail;
    if (!discovery) GTEST_SKIP() << discovery.error().detail;
    emulator_ = std::make_unique<emulator::Emulator>(cloud, *discovery, host_);
    settings_.pool = "shop";
    settings_.project = cloud.project;
    settings_.zones = cloud.zones;
    settings_.group = cloud.group;
    settings_.port = 8000;
    settings_.calls_per_minute = 600;
    restart();
  }
  void TearDown() override {
    if (!emulator_) return;
    EXPECT_EQ(emulator_->cloud().ledger.violations(), 0U)
        << emulator_->cloud().ledger.violations_json().dump(1);
  }

  // As after a restart of the program: nothing is remembered.
  void restart() {
    GceClock clock;
    clock.now = [this] { return emulator_->steady(); };
    clock.wall = [this] { return emulator_->wall(); };
    clock.sleep = [this](Duration duration) { emulator_->advance(to_seconds(duration)); };
    provider_ = std::make_unique<GceProvider>(
        settings_, std::make_unique<emulator::InProcessClient>(*emulator_),
        std::make_shared<GceTokenSource>(settings_.credentials, Random(5)), Random(6), clock);
  }
  InstanceCall call(std::vector<std::string> names, const std::string& zone = "us-central1-a") {
    return {std::move(names), zone, "action-" + std::to_string(++actions_)};
  }
  std::optional<Reports> list() {
    auto listed = provider_->list();
    if (!listed) return std::nullopt;
    Reports reports;
    for (InstanceReport& report : *listed) reports.emplace(report.name, report);
    return reports;
  }
  // Lists every two seconds until `fits` the list; the last list, empty when it never did.
  template <typename Fits>
  Reports until(Fits fits, int most_seconds = 240) {
    for (int i = 0; i < most_seconds / 2; ++i) {
      const auto reports = list();
      if (reports && fits(*reports)) return *reports;
      emulator_->advance(2);
    }
    ADD_FAILURE() << "not within " << most_seconds << " s";
    return {};
  }
  static auto all_usable(size_t count) {
    return [count](const Reports& reports) {
      return reports.size() == count &&
             std::all_of(reports.begin(), reports.end(), [](const auto& e) {
               return !e.second.address.empty() && e.second.running;
             });
    };
  }
  void fault(const Json& fault) { emulator_->control("POST", "/_emu/faults", fault); }
  void act(const std::string& what, const Json& with) {
    emulator_->control("POST", "/_emu/actions/" + what, with);
  }
  Json group() { return emulator_->control("GET", "/_emu/state")["groups"][0]; }

  emulator::SimulatedHost host_;
  std::unique_ptr<emulator::Emulator> emulator_;
  GceSettings settings_;
  std::unique_ptr<GceProvider> provider_;
  int actions_ = 0;
};

TEST_F(GceEmulatorTest, LeadsInstancesThroughTheirWholeLife) {
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->list().has_value());
  ASSERT_TRUE(provider_->create(call({"shop-a", "shop-b", "shop-c"})).has_value());
  Reports reports = until(all_usable(3));
  EXPECT_EQ(reports["shop-a"].version, "shop-v1");
  EXPECT_EQ(group()["targetSize"], 3);

  ASSERT_TRUE(provider_->stop(call({"shop-b"})).has_value());
  until([](const Reports& all) { return all.at("shop-b").stopped; });
  EXPECT_EQ(group()["targetSize"], 2);
  restart();
  until([](const Reports& all) { return all.at("shop-b").stopped; });
  ASSERT_TRUE(provider_->start(call({"shop-b"})).has_value());
  until(all_usable(3));

  ASSERT_TRUE(provider_->remove(call({"shop-a", "shop-b", "shop-c"})).has_value());
  until([](const Reports& all) { return all.empty(); });
  EXPECT_EQ(group()["targetSize"], 0);
}

TEST_F(GceEmulatorTest, SuspendsAndResumes) {
  settings_.standby_mode = GceStandby::suspend;
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  until(all_usable(1));
  ASSERT_TRUE(provider_->stop(call({"shop-a"})).has_value());
  until([](const Reports& all) { return all.at("shop-a").stopped; });
  EXPECT_EQ(group()["targetSuspendedSize"], 1);
  ASSERT_TRUE(provider_->start(call({"shop-a"})).has_value());
  until(all_usable(1));
}

TEST_F(GceEmulatorTest, ALostReplyMakesNothingTwice) {
  begin();
  if (IsSkipped()) return;
  fault({{"kind", "reset"}, {"when", "after"}, {"method", "*.createInstances"}, {"times", 1}});
  ASSERT_TRUE(provider_->create(call({"shop-a", "shop-b"})).has_value());
  until(all_usable(2));
  EXPECT_EQ(group()["targetSize"], 2);
}

TEST_F(GceEmulatorTest, ALostReplyWhoseRequestIdIsForgottenIsSortedOutByTheList) {
  for (const emulator::Collision how :
       {emulator::Collision::http, emulator::Collision::operation}) {
    emulator::Settings cloud;
    cloud.collision = how;
    begin(cloud);
    if (IsSkipped()) return;
    fault({{"kind", "reset"}, {"when", "after"}, {"method", "*.createInstances"}, {"times", 1}});
    fault({{"kind", "forget_request_id"}, {"method", "*.createInstances"}});
    ASSERT_TRUE(provider_->create(call({"shop-a", "shop-b"})).has_value());
    const Reports reports = until(all_usable(2));
    EXPECT_EQ(reports.at("shop-a").obstacle, Obstacle::none);
    EXPECT_EQ(group()["targetSize"], 2);
  }
}

TEST_F(GceEmulatorTest, AForeignMachineOfThatNameFailsTheBatchForOtherNames) {
  for (const auto how : {emulator::Collision::operation, emulator::Collision::http}) {
    emulator::Settings cloud;
    cloud.foreign_collision = how;
    begin(cloud);
    if (IsSkipped()) return;
    act("add_foreign", {{"name", "shop-b"}});
    ASSERT_TRUE(provider_->create(call({"shop-a", "shop-b"})).has_value());
    const Reports reports = until([](const Reports& all) {
      return all.size() == 2 && all.at("shop-a").obstacle == Obstacle::other &&
             all.at("shop-b").obstacle == Obstacle::other;
    });
    ASSERT_EQ(reports.size(), 2U);
    ASSERT_TRUE(provider_->remove(call({"shop-a", "shop-b"})).has_value());
    ASSERT_TRUE(provider_->create(call({"shop-c", "shop-d"})).has_value());
    until(all_usable(2));
    const Json state = emulator_->control("GET", "/_emu/state");
    EXPECT_EQ(state["instances"].size(), 3U) << "the foreign machine must live";
  }
}

TEST_F(GceEmulatorTest, AStockOutLeavesPlaceholdersThatAreRemovedByName) {
  begin();
  if (IsSkipped()) return;
  emulator_->control("PUT", "/_emu/settings", {{"capacity", {{"us-central1-a", {{"left", 3}}}}}});
  ASSERT_TRUE(
      provider_->create(call({"shop-a", "shop-b", "shop-c", "shop-d", "shop-e"})).has_value());
  std::vector<std::string> stuck;
  until([&stuck](const Reports& all) {
    stuck.clear();
    size_t usable = 0;
    for (const auto& [name, report] : all) {
      if (report.obstacle == Obstacle::capacity) stuck.push_back(name);
      usable += report.address.empty() ? 0U : 1U;
    }
    return stuck.size() == 2 && usable == 3;
  });
  ASSERT_TRUE(provider_->remove(call(stuck)).has_value());
  until(all_usable(3));
  EXPECT_EQ(group()["targetSize"], 3);
}

TEST_F(GceEmulatorTest, AQuotaIsToldFromAStockOut) {
  begin();
  if (IsSkipped()) return;
  emulator_->control("PUT", "/_emu/settings", {{"quota", {{"instances_left", 0}}}});
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  until([](const Reports& all) {
    return all.contains("shop-a") && all.at("shop-a").obstacle == Obstacle::quota;
  });
}

TEST_F(GceEmulatorTest, AProactivePolicyIsNamedBeforeAndAfterTheFact) {
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->list().has_value());
  act("policy", {{"group", "shop"}, {"type", "PROACTIVE"}, {"replacement", "SUBSTITUTE"}});
  // Not read again yet: the operation tells.
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  until([](const Reports& all) {
    return all.contains("shop-a") && all.at("shop-a").obstacle == Obstacle::configuration;
  });
  ASSERT_TRUE(provider_->remove(call({"shop-a"})).has_value());
  ASSERT_TRUE(provider_->list().has_value());
  EXPECT_THAT(provider_->create(call({"shop-b"})).error().detail, HasSubstr("OPPORTUNISTIC"));
}

TEST_F(GceEmulatorTest, ARepairKeepsTheNameAndChangesIdAndAddress) {
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  const InstanceReport before = until(all_usable(1)).at("shop-a");
  act("delete", {{"name", "shop-a"}});
  bool left = false;
  const InstanceReport after = until([&](const Reports& all) {
                                 left = left || all.at("shop-a").leaving;
                                 return all_usable(1)(all) && all.at("shop-a").id != before.id;
                               }).at("shop-a");
  EXPECT_NE(after.address, before.address);
}

TEST_F(GceEmulatorTest, APreemptedInstanceIsLeavingAtOnce) {
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  const InstanceReport before = until(all_usable(1)).at("shop-a");
  act("preempt", {{"name", "shop-a"}, {"notice", 0}});
  emulator_->advance(2);
  const auto reports = list();
  ASSERT_TRUE(reports.has_value());
  EXPECT_TRUE(reports->at("shop-a").leaving);
  until([&](const Reports& all) { return all_usable(1)(all) && all.at("shop-a").id != before.id; });
}

TEST_F(GceEmulatorTest, AnAbandonedInstanceLeavesTheList) {
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  until(all_usable(1));
  act("abandon", {{"group", "shop"}, {"names", {"shop-a"}}});
  until([](const Reports& all) { return all.empty(); });
}

TEST_F(GceEmulatorTest, ReadsALargeGroupWithAndWithoutPages) {
  emulator::Settings cloud;
  cloud.check_all = false;
  begin(cloud);
  if (IsSkipped()) return;
  act("fill", {{"group", "shop"}, {"count", 1200}});
  until(all_usable(1200));
  act("policy", {{"group", "shop"}, {"results", "PAGINATED"}});
  restart();
  until(all_usable(1200));
  EXPECT_GE(provider_->abilities().list_interval_moving, std::chrono::milliseconds(500));
}

TEST_F(GceEmulatorTest, AStaleListAfterACreateLosesNothing) {
  begin();
  if (IsSkipped()) return;
  fault({{"kind", "list"}, {"what", "stale"}, {"seconds", 10}});
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  for (int i = 0; i < 60; ++i) {
    const auto reports = list();
    ASSERT_TRUE(reports.has_value());
    EXPECT_TRUE(reports->contains("shop-a")) << i;
    emulator_->advance(1);
  }
}

TEST_F(GceEmulatorTest, WorksWithTheLeastPermissionsAndPassesItsOwnCheck) {
  emulator::Settings cloud;
  cloud.extra = true;
  begin(cloud);
  if (IsSkipped()) return;
  for (const CheckFinding& finding : provider_->check_online()) {
    EXPECT_TRUE(finding.fine) << finding.what << ": " << finding.detail;
  }
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  until(all_usable(1));
}

TEST_F(GceEmulatorTest, OfTwoProgramsOneActsUntilItIsGone) {
  settings_.owner = "aa";
  begin();
  if (IsSkipped()) return;
  ASSERT_TRUE(provider_->list().has_value());
  ASSERT_TRUE(provider_->create(call({"shop-a"})).has_value());
  const auto first = std::move(provider_);
  settings_.owner = "bb";
  restart();

  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(provider_->list().has_value());
    EXPECT_THAT(provider_->remove(call({"shop-a"})).error().detail, HasSubstr("owner aa"));
    ASSERT_TRUE(first->list().has_value());
    EXPECT_TRUE(first->create(call({"shop-b"})).has_value());
    emulator_->advance(10);
  }
  for (int i = 0; i < 60; ++i) {
    (void)provider_->list();
    emulator_->advance(10);
  }
  EXPECT_TRUE(provider_->create(call({"shop-c"})).has_value());
  ASSERT_TRUE(first->list().has_value());
  EXPECT_THAT(first->create(call({"shop-d"})).error().detail, HasSubstr("owner bb"));
}

// Random faults over random calls; when they are over, the list is the truth again and nothing that
// was asked for is left over or missing.
TEST_F(GceEmulatorTest, RecoversFromRandomFaults) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    emulator::Settings cloud;
    cloud.seed = seed;
    cloud.extra = seed % 2 == 0;
    cloud.check_all = false;
    begin(cloud);
    if (IsSkipped()) return;
    for (const char* kind : {"reset", "truncate", "garbage", "hang"}) {
      fault({{"kind", kind}, {"probability", 0.04}, {"when", seed % 2 == 0 ? "after" : "before"}});
    }
    fault({{"kind", "http"}, {"status", 503}, {"reason", "backendError"}, {"probability", 0.05}});
    fault({{"kind", "http"}, {"status", 502}, {"html", true}, {"probability", 0.03}});
    fault({{"kind", "http"}, {"status", 401}, {"reason", "authError"}, {"probability", 0.02}});
    fault({{"kind", "operation"}, {"outcome", "error"}, {"probability", 0.05}});
    fault({{"kind", "create"}, {"method", "vm.create"}, {"probability", 0.1}});
    Random random(seed);
    std::set<std::string> wanted;
    for (int step = 0; step < 150; ++step) {
      emulator_->advance(2);
      (void)provider_->list();
      if (random.below(4) == 0) {
        const std::string name = "shop-" + std::to_string(step);
        if (provider_->create(call({name}))) wanted.insert(name);
      }
      if (random.below(5) == 0 && !wanted.empty()) {
        const std::string name = *wanted.begin();
        if (provider_->remove(call({name}))) wanted.erase(name);
      }
    }
    emulator_->control("DELETE", "/_emu/faults");
    emulator_->advance(120);
    // What failed for good is removed, as the fleet would do it; what is not wanted too.
    for (int round = 0; round < 60; ++round) {
      const auto reports = list();
      emulator_->advance(5);
      if (!reports) continue;
      for (const auto& [name, report] : *reports) {
        if (report.obstacle != Obstacle::none) wanted.erase(name);
        if (!wanted.contains(name)) (void)provider_->remove(call({name}));
      }
      std::erase_if(wanted, [&](const std::string& name) { return !reports->contains(name); });
    }
    const Reports reports = until(all_usable(wanted.size()));
    EXPECT_EQ(group()["targetSize"], wanted.size());
    for (const std::string& name : wanted) EXPECT_TRUE(reports.contains(name)) << name;
  }
}

}  // namespace
}  // namespace flaskscale::scaler
