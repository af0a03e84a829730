#include <gtest/gtest.h>

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
  EXPECT_EQ(scaling.process.stop_grace, ProcessProviderModel{}.stop_grace);
  scaling.process = {};
  EXPECT_EQ(scaling, ScalingModel{});
}

}  // namespace
}  // namespace flaskscale::config
