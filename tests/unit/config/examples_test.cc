#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "proxy/config/loader.h"
#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

// Without a PATH, so that the programs of the examples need not be installed.
Loaded load_example(const std::string& name) {
  Loaded loaded = load_file(FLASKSCALE_CONF "/" + name, environment_of({}));
  for (const Problem& problem : loaded.problems) ADD_FAILURE() << to_string(problem);
  return loaded;
}

TEST(Examples, MinimalIsRight) {
  const Loaded loaded = load_example("minimal.toml");

  ASSERT_TRUE(loaded.model);
  EXPECT_EQ(loaded.model->pools.size(), 1U);
}

TEST(Examples, CompleteIsRightAndSaysTheDefaults) {
  const Loaded loaded = load_example("flaskscale.toml");

  ASSERT_TRUE(loaded.model);
  const Model& model = *loaded.model;
  EXPECT_EQ(model.server, ServerModel{});
  EXPECT_EQ(model.access_log, AccessLogModel{});
  EXPECT_EQ(model.admin, AdminModel{});
  EXPECT_EQ(model.limits, LimitsModel{});
  EXPECT_EQ(model.timeouts, TimeoutsModel{});
  const PoolModel& api = model.pools.at("api");
  EXPECT_EQ(api.balance, PoolModel{}.balance);
  EXPECT_EQ(api.slow_start, PoolModel{}.slow_start);
  EXPECT_EQ(api.keepalive_idle, PoolModel{}.keepalive_idle);
  EXPECT_EQ(api.queue, QueueModel{});
  EXPECT_EQ(api.retry, RetryModel{});
  HealthModel health = api.health;
  health.path.clear();
  EXPECT_EQ(health, HealthModel{});
  ScalingModel scaling = model.pools.at("shop").scaling.value_or(ScalingModel{});
  const ScalingModel written = std::exchange(scaling, ScalingModel{});
  scaling.schedule = written.schedule;
  scaling.on_event = written.on_event;
  scaling.process = written.process;
  scaling.docker = written.docker;
  scaling.gce = written.gce;
  scaling.exec = written.exec;
  EXPECT_EQ(written, scaling);
  EXPECT_EQ(written.schedule.size(), 1U);
  EXPECT_EQ(written.on_event.size(), 2U);
}

TEST(Examples, CompleteSaysTheDefaultsOfProviders) {
  const Loaded loaded = load_example("flaskscale.toml");

  ASSERT_TRUE(loaded.model);
  const ScalingModel scaling = loaded.model->pools.at("shop").scaling.value_or(ScalingModel{});
  EXPECT_EQ(scaling.process.stop_grace, ProcessProviderModel{}.stop_grace);
  DockerProviderModel docker;
  docker.image = "shop:1.2";
  docker.port = 8000;
  docker.memory = 512ULL << 20U;
  docker.cpus = 1.5;
  docker.environment = {{"WEB_CONCURRENCY", "2"}};
  EXPECT_EQ(scaling.docker, docker);
  GceProviderModel gce;
  gce.zones = {"us-central1-a", "us-central1-b"};
  gce.group = "shop";
  gce.port = 8000;
  EXPECT_EQ(scaling.gce, gce);
  ExecProviderModel exec = scaling.exec;
  EXPECT_EQ(exec.timeout, ExecProviderModel{}.timeout);
  EXPECT_EQ(exec.list_interval, ExecProviderModel{}.list_interval);
  EXPECT_EQ(exec.list_interval_moving, ExecProviderModel{}.list_interval_moving);
  EXPECT_TRUE(exec.stop.empty() && exec.start.empty() && exec.zones.empty());
}

// Each provider by its word alone.
TEST(Examples, CompleteIsRightWithEachProvider) {
  std::ifstream file(FLASKSCALE_CONF "/flaskscale.toml");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::string process = "provider = \"process\"";
  const size_t at = text.find(process);
  ASSERT_NE(at, std::string::npos);
  for (const ProviderKind kind : {ProviderKind::docker, ProviderKind::gce, ProviderKind::exec}) {
    std::string changed = text;
    changed.replace(at, process.size(), "provider = \"" + std::string(to_string(kind)) + "\"");
    const Loaded loaded = load_text(changed, "f", FLASKSCALE_CONF, environment_of({}));
    for (const Problem& problem : loaded.problems) ADD_FAILURE() << to_string(problem);
  }
}

}  // namespace
}  // namespace flaskscale::config
