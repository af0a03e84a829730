#include "simulator/clairvoyant.h"

#include <gtest/gtest.h>

namespace flaskscale::simulator {
namespace {

constexpr ClairvoyantSettings kPlain{50, 60, 0, 100};

double seconds_of(std::vector<LoadCurve::Point> points,
                  const ClairvoyantSettings& settings = kPlain) {
  const LoadCurve curve(std::move(points));
  return clairvoyant_of(curve, curve.end(), settings).instance_seconds();
}

TEST(Clairvoyant, NeedsRoomForTheRateAndTwiceItsRoot) {
  EXPECT_EQ(wait_free_need(0, kPlain), 0U);
  EXPECT_EQ(wait_free_need(0.01, kPlain), 1U);
  EXPECT_EQ(wait_free_need(200, kPlain), 5U);    // (200 + 28.3) / 50 = 4.6
  EXPECT_EQ(wait_free_need(1000, kPlain), 22U);  // (1000 + 63.2) / 50 = 21.3
  EXPECT_EQ(wait_free_need(1e9, kPlain), 100U);
  EXPECT_EQ(wait_free_need(0, {50, 60, 3, 100}), 3U);
}

TEST(Clairvoyant, PaysABootForEachInstanceThatWasNotThere) {
  // 5 for an hour, then 22 for an hour: 17 boots of a minute.
  EXPECT_DOUBLE_EQ(seconds_of({{0, 200}, {3600, 200}, {3600, 1000}, {7200, 1000}}),
                   5 * 3600 + 22 * 3600 + 17 * 60);
}

TEST(Clairvoyant, KeepsWhatIsNeededAgainSoonerThanABootTakes) {
  // One instance, not needed for 20 s, then for 500 s.
  const std::vector<LoadCurve::Point> short_gap = {{0, 10},  {100, 10}, {100, 0},
                                                   {120, 0}, {120, 10}, {200, 10}};
  EXPECT_DOUBLE_EQ(seconds_of(short_gap), 200);
  const std::vector<LoadCurve::Point> long_gap = {{0, 10},  {100, 10}, {100, 0},
                                                  {600, 0}, {600, 10}, {700, 10}};
  EXPECT_DOUBLE_EQ(seconds_of(long_gap), 100 + 60 + 100);
}

TEST(Clairvoyant, KeepsTheMinimumAndNeverExceedsTheMaximum) {
  EXPECT_DOUBLE_EQ(seconds_of({{0, 0}, {100, 0}}, {50, 60, 2, 10}), 200);
  EXPECT_DOUBLE_EQ(seconds_of({{0, 5000}, {100, 5000}}, {50, 60, 0, 10}), 1000);
}

TEST(Clairvoyant, RemembersThePeak) {
  const LoadCurve curve({{0, 200}, {50, 1000}, {100, 200}});
  EXPECT_EQ(clairvoyant_of(curve, 100, kPlain).peak(), 22U);
}

}  // namespace
}  // namespace flaskscale::simulator
