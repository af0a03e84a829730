// Scenario 41: a thousand hours of random faults, and what must hold all the time.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "base/log.h"
#include "tests/support/gce/discovery_file.h"
#include "tests/unit/gce_soak/soak_world.h"

namespace flaskscale::soak {
namespace {

// Simulated hours per seed: eight seeds make a thousand hours in an optimised build.
double hours_per_seed() {
  if (const char* hours = std::getenv("FLASKSCALE_SOAK_HOURS")) return std::atof(hours);
#if defined(NDEBUG)
  return 125;
#else
  return 12;
#endif
}

class RandomFaultSoak : public ::testing::TestWithParam<int> {};

TEST_P(RandomFaultSoak, KeepsEveryPromise) {
  auto discovery = emulator::discovery_for_tests();
  if (!discovery && emulator::must_have_discovery()) FAIL() << discovery.error().detail;
  if (!discovery) GTEST_SKIP() << discovery.error().detail;
  SoakOptions options;
  options.seed = static_cast<uint64_t>(GetParam());
  options.hours = hours_per_seed();
  options.standby = GetParam() % 2 == 0 ? 2 : 0;
  options.discovery = *discovery;
  // Hundreds of thousands of lines; FLASKSCALE_SOAK_LOG shows them.
  if (std::getenv("FLASKSCALE_SOAK_LOG") == nullptr) spdlog::set_level(spdlog::level::off);
  const auto begin = std::chrono::steady_clock::now();

  SoakWorld world(options);
  world.run();

  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::string problems;
  for (const std::string& problem : world.problems()) problems += problem + "\n";
  EXPECT_TRUE(world.problems().empty()) << "seed " << options.seed << "\n" << problems;
  EXPECT_EQ(world.violations(), 0U) << "seed " << options.seed << "\n" << world.summary();
  RecordProperty("kills", static_cast<int>(world.kills()));
  const std::string summary = world.summary();
  std::printf("seed %d: %s in %.1f s\n", GetParam(), summary.substr(0, summary.find('\n')).c_str(),
              took.count());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaultSoak, ::testing::Range(1, 9));

}  // namespace
}  // namespace flaskscale::soak
