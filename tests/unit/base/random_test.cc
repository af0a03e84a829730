#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace flaskscale {
namespace {

TEST(Random, RepeatsFromTheSameSeed) {
  Random a(42);
  Random b(42);
  Random other(43);

  const uint64_t first = a.next();

  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, other.next());
}

TEST(Random, StaysBelowItsBoundAndReachesAll) {
  Random random(1);
  std::array<int, 7> counts{};

  for (int i = 0; i < 70'000; ++i) {
    const uint32_t drawn = random.below(7);
    ASSERT_LT(drawn, 7U);
    ++counts[drawn];
  }

  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Random, DrawsZeroBelowOne) {
  Random random(5);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, HasUnitsFromZeroToOneWithAMeanOfHalf) {
  Random random(7);
  double sum = 0;

  for (int i = 0; i < 100'000; ++i) {
    const double unit = random.unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    sum += unit;
  }

  EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
}

TEST(Random, SeedsDiffer) { EXPECT_NE(random_seed(), random_seed()); }

}  // namespace
}  // namespace flaskscale
