#include "scaler/schedule.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "scaler/law.h"

namespace flaskscale::scaler {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

WallTime at(std::chrono::year_month_day day, int hour, int minute = 0, int second = 0) {
  return std::chrono::sys_days{day} + hours{hour} + minutes{minute} + seconds{second};
}

std::chrono::year_month_day date(int year, unsigned month, unsigned day) {
  return std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day};
}

seconds utc(WallTime) { return seconds{0}; }

// Central Europe in 2026.
seconds berlin(WallTime t) {
  const bool summer = t >= at(date(2026, 3, 29), 1) && t < at(date(2026, 10, 25), 1);
  return hours{summer ? 2 : 1};
}

Schedule schedule(const std::vector<ScheduledFloor>& floors, const UtcOffset& offset = utc) {
  auto parsed = Schedule::parse(floors, offset);
  EXPECT_TRUE(parsed);
  return parsed ? *parsed : Schedule{};
}

TEST(Schedule, HoldsItsFloorForItsDurationAndABootBefore) {
  const Schedule office = schedule({{"0 8 * * MON-FRI", hours(2), 5}});
  const auto monday = date(2026, 8, 24);

  EXPECT_EQ(office.floor(at(monday, 7, 58, 44), 75).min, 0U);
  EXPECT_EQ(office.floor(at(monday, 7, 58, 45), 75).min, 5U);
  EXPECT_EQ(office.floor(at(monday, 9, 59, 59), 75).min, 5U);
  EXPECT_EQ(office.floor(at(monday, 10), 75).min, 0U);
  EXPECT_EQ(office.floor(at(date(2026, 8, 23), 9), 75).min, 0U);  // a Sunday
}

TEST(Schedule, TakesTheHighestOfSeveral) {
  const Schedule both = schedule({{"0 8 * * *", hours(4), 5}, {"0 9 * * *", hours(1), 8}});
  const auto day = date(2026, 8, 24);
  EXPECT_EQ(both.floor(at(day, 8, 30), 10).min, 5U);
  EXPECT_EQ(both.floor(at(day, 9, 30), 10).min, 8U);
  EXPECT_EQ(both.floor(at(day, 11), 10).min, 5U);
}

TEST(Schedule, FollowsTheLocalClockOverAChangeOfIt) {
  const Schedule night = schedule({{"30 2 * * *", hours(1), 3}}, berlin);
  // Spring: 02:30 is skipped, 03:30 stands for it, which is 01:30 UTC.
  EXPECT_EQ(night.floor(at(date(2026, 3, 29), 1, 0), 0).min, 0U);
  EXPECT_EQ(night.floor(at(date(2026, 3, 29), 1, 45), 0).min, 3U);
  // Autumn: 02:30 comes twice, at 00:30 and 01:30 UTC, so the floor lasts two hours.
  EXPECT_EQ(night.floor(at(date(2026, 10, 25), 0, 45), 0).min, 3U);
  EXPECT_EQ(night.floor(at(date(2026, 10, 25), 2, 15), 0).min, 3U);
  EXPECT_EQ(night.floor(at(date(2026, 10, 25), 2, 31), 0).min, 0U);
  // The days after follow the new offset.
  const Schedule day = schedule({{"0 8 * * *", hours(1), 3}}, berlin);
  EXPECT_EQ(day.floor(at(date(2026, 3, 28), 7, 30), 0).min, 3U);
  EXPECT_EQ(day.floor(at(date(2026, 3, 29), 6, 30), 0).min, 3U);
  EXPECT_EQ(day.floor(at(date(2026, 3, 29), 7, 30), 0).min, 0U);
}

TEST(Schedule, SaysWhichFloorIsWrong) {
  const auto bad = Schedule::parse({{"0 8 * * *", hours(1), 1}, {"0 25 * * *", hours(1), 1}}, utc);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().detail.find("0 25"), std::string::npos);
  EXPECT_FALSE(Schedule::parse({{"0 8 * * *", hours(0), 1}}, utc));
}

TEST(ScheduleWatch, SaysTheSameAsTheSchedule) {
  const Schedule plan = schedule(
      {{"*/40 * * * *", minutes(7), 2}, {"15 3 * * SUN", hours(3), 9}, {"0 0 1 * *", hours(24), 4}},
      berlin);
  ScheduleWatch watch;
  Random random(4);
  WallTime now = at(date(2026, 3, 27), 0);
  for (int i = 0; i < 20000; ++i) {
    now += std::chrono::milliseconds(random.below(60000));
    const double ahead = 75 + 10 * (i / 5000);
    ASSERT_EQ(watch.floor(plan, now, ahead), plan.floor(now, ahead).min);
  }
}

TEST(LawSchedule, StartsABootBeforeAndEndsWithTheWindow) {
  const Schedule office = schedule({{"0 8 * * *", hours(2), 5}});
  LawState state;
  LawSignals signals;
  Policy policy;
  policy.scale_in_window = minutes(1);
  signals.settings = law_settings(policy);
  signals.schedule = &office;
  const WallTime begin = at(date(2026, 8, 24), 7, 50);
  std::string_view hold;
  for (int t = 0; t < 3 * 3600; ++t) {
    signals.wall = begin + seconds(t);
    const LawOutput out = step(state, signals, Time(hours(1)) + seconds(t));
    if (out.move == Move::out && t > 0) {
      EXPECT_EQ(t, 600 - 75);
      EXPECT_EQ(out.reason, "schedule");
    }
    if (out.move != Move::stay) signals.ready = out.target;
    if (t == 3600) hold = out.reason;
    if (t > 600 && t < 600 + 7200) {
      ASSERT_EQ(signals.ready, 5U);
    }
  }
  EXPECT_EQ(hold, "schedule");
  EXPECT_EQ(signals.ready, 1U);
}

}  // namespace
}  // namespace flaskscale::scaler
