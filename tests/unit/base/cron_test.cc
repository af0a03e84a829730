#include "base/cron.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/local_time.h"

namespace flaskscale {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr auto kNever = std::chrono::year{2100} / 1 / 1;

WallTime at(std::chrono::year_month_day day, int hour = 0, int minute = 0, int second = 0) {
  return sys_days{day} + hours{hour} + minutes{minute} + seconds{second};
}

std::chrono::year_month_day date(int year, unsigned month, unsigned day) {
  return std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day};
}

seconds utc(WallTime) { return seconds{0}; }

// Central Europe in 2026: an hour ahead, two from 29 March 01:00 UTC to 25 October 01:00 UTC.
seconds berlin(WallTime t) {
  const bool summer = t >= at(date(2026, 3, 29), 1) && t < at(date(2026, 10, 25), 1);
  return hours{summer ? 2 : 1};
}

std::vector<WallTime> times(std::string_view text, WallTime from, WallTime until,
                            const UtcOffset& offset = utc) {
  const auto cron = Cron::parse(text);
  EXPECT_TRUE(cron) << text;
  std::vector<WallTime> found;
  if (!cron) return found;
  while (const auto next = cron->next(from, until, offset)) {
    found.push_back(*next);
    from = *next + std::chrono::milliseconds{1};
    if (found.size() > 2000) break;
  }
  return found;
}

WallTime first(std::string_view text, WallTime from, const UtcOffset& offset = utc) {
  const auto cron = Cron::parse(text);
  EXPECT_TRUE(cron) << text;
  return cron ? cron->next(from, at(kNever), offset).value_or(WallTime{}) : WallTime{};
}

std::string error_of(std::string_view text) {
  const auto cron = Cron::parse(text);
  EXPECT_FALSE(cron) << text;
  return cron ? "" : cron.error().detail;
}

TEST(Cron, NamesMinutesAndHours) {
  const WallTime noon = at(date(2026, 8, 22), 12);
  EXPECT_EQ(first("* * * * *", noon), noon);
  EXPECT_EQ(first("* * * * *", noon + seconds{1}), noon + minutes{1});
  EXPECT_EQ(first("0 8 * * *", noon), at(date(2026, 8, 23), 8));
  EXPECT_EQ(first("59 23 * * *", noon), at(date(2026, 8, 22), 23, 59));
  EXPECT_EQ(first("  30\t12 *  * * ", noon), at(date(2026, 8, 22), 12, 30));
}

TEST(Cron, KnowsListsRangesAndSteps) {
  const WallTime day = at(date(2026, 8, 22));
  EXPECT_EQ(times("0 6,18 * * *", day, day + days{1}),
            (std::vector<WallTime>{day + hours{6}, day + hours{18}}));
  EXPECT_EQ(times("0 9-11 * * *", day, day + days{1}).size(), 3U);
  EXPECT_EQ(times("*/15 0 * * *", day, day + days{1}).size(), 4U);
  EXPECT_EQ(times("5-20/5 0 * * *", day, day + days{1}).size(), 4U);
  EXPECT_EQ(times("50/4 0 * * *", day, day + days{1}).size(), 3U);
  EXPECT_EQ(times("0-10/5,30,50-52 0 * * *", day, day + days{1}).size(), 7U);
}

TEST(Cron, KnowsNamesOfMonthsAndDays) {
  const WallTime saturday = at(date(2026, 8, 22));
  EXPECT_EQ(first("0 8 * * MON-FRI", saturday), at(date(2026, 8, 24), 8));
  EXPECT_EQ(first("0 8 * * sun", saturday), at(date(2026, 8, 23), 8));
  EXPECT_EQ(first("0 8 * * 7", saturday), at(date(2026, 8, 23), 8));
  EXPECT_EQ(first("0 8 * * 0", saturday), at(date(2026, 8, 23), 8));
  EXPECT_EQ(times("0 8 * * FRI-SUN", saturday, saturday + days{7}).size(), 3U);
  EXPECT_EQ(times("0 8 * * 5-7", saturday, saturday + days{7}).size(), 3U);
  EXPECT_EQ(first("0 0 1 JAN,jul *", saturday), at(date(2027, 1, 1)));
}

TEST(Cron, TakesEitherKindOfDayWhenBothAreGiven) {
  const WallTime august = at(date(2026, 8, 1));
  EXPECT_EQ(times("0 0 13 * FRI", august, august + days{31}).size(), 5U);    // four Fridays, a 13th
  EXPECT_EQ(times("0 0 */10 * FRI", august, august + days{31}).size(), 1U);  // Friday 21st: both
  EXPECT_EQ(times("0 0 13 * *", august, august + days{31}).size(), 1U);
}

TEST(Cron, FindsLeapDays) {
  EXPECT_EQ(first("0 0 29 2 *", at(date(2026, 8, 22))), at(date(2028, 2, 29)));
}

TEST(Cron, FollowsTheLocalClock) {
  EXPECT_EQ(first("0 8 * * *", at(date(2026, 1, 10)), berlin), at(date(2026, 1, 10), 7));
  EXPECT_EQ(first("0 8 * * *", at(date(2026, 7, 10)), berlin), at(date(2026, 7, 10), 6));
  // Local midnight is on the day before in UTC, and the weekday is the local one.
  EXPECT_EQ(first("0 0 * * MON", at(date(2026, 8, 22)), berlin), at(date(2026, 8, 23), 22));
  const UtcOffset auckland = [](WallTime) { return seconds{hours{13}}; };
  const UtcOffset honolulu = [](WallTime) { return seconds{-hours{10}}; };
  EXPECT_EQ(first("30 5 * * MON", at(date(2026, 8, 22)), auckland), at(date(2026, 8, 23), 16, 30));
  EXPECT_EQ(first("30 20 * * SAT", at(date(2026, 8, 22)), honolulu), at(date(2026, 8, 23), 6, 30));
}

TEST(Cron, NamesASkippedTimeAsLongAfterAsItWasSkippedBy) {
  const WallTime day = at(date(2026, 3, 29));
  EXPECT_EQ(times("30 2 * * *", day - hours{6}, day + hours{20}, berlin),
            (std::vector<WallTime>{at(date(2026, 3, 29), 1, 30)}));  // 03:30 on the clock
  EXPECT_EQ(times("0 8 * * *", day - hours{6}, day + hours{20}, berlin),
            (std::vector<WallTime>{at(date(2026, 3, 29), 6)}));
}

TEST(Cron, NamesATimeThatComesTwiceTwice) {
  const WallTime day = at(date(2026, 10, 25));
  EXPECT_EQ(times("30 2 * * *", day - hours{6}, day + hours{20}, berlin),
            (std::vector<WallTime>{at(date(2026, 10, 25), 0, 30), at(date(2026, 10, 25), 1, 30)}));
  EXPECT_EQ(times("30 1 * * *", day - hours{6}, day + hours{20}, berlin).size(), 1U);
}

TEST(Cron, LeavesNoMinuteOutOverAChangeOfTheClock) {
  for (const unsigned month : {3U, 10U}) {
    const WallTime from = at(date(2026, month, month == 3 ? 28 : 24));
    const auto found = times("* * * * *", from + hours{20}, from + hours{32}, berlin);
    ASSERT_EQ(found.size(), 720U) << month;
    for (size_t i = 1; i < found.size(); ++i) EXPECT_EQ(found[i] - found[i - 1], minutes{1});
  }
}

TEST(Cron, SaysWhatIsWrongAndWhere) {
  const auto expect = [](std::string_view text, std::string_view part) {
    EXPECT_NE(error_of(text).find(part), std::string::npos) << error_of(text);
  };
  expect("0 8 * *", "expected five fields");
  expect("", "found 0");
  expect("0 8 * * * *", "found 6");
  expect("@daily", "five fields");
  expect("60 8 * * *", "minute, character 1: 60 is not within 0 to 59");
  expect("0 24 * * *", "hour, character 3: 24");
  expect("0 0 0 * *", "day of month, character 5: 0");
  expect("0 0 * 13 *", "month, character 7: 13");
  expect("0 0 * * 8", "day of week, character 9: 8");
  expect("0 0 * * MONDAY", "\"monday\" is no name here");
  expect("0 0 * MON *", "month, character 7");
  expect("0 FRI * * *", "hour, character 3");
  expect("0 8-6 * * *", "runs backwards");
  expect("*/0 * * * *", "character 3: a step of 0");
  expect("1,,2 * * * *", "character 3: expected a number");
  expect("1, * * * *", "character 3: expected a number");
  expect("5x * * * *", "character 2: expected a comma");
  expect("-5 * * * *", "character 1: expected a number");
  expect("99999999999999999999 * * * *", "too large");
  expect("0 0 30 2 *", "no month named has such a day");
}

TEST(Cron, SurvivesAnyText) {
  const std::string alphabet = "0123456789*/-, ,JANFRIsun\t\0x\xff";
  uint64_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (int k = 0; k < 20; ++k) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      text += alphabet[(state >> 33) % alphabet.size()];
    }
    const auto cron = Cron::parse(text);
    if (cron) static_cast<void>(cron->next(at(date(2026, 1, 1)), at(date(2026, 2, 1)), berlin));
  }
}

TEST(LocalTime, IsAtMostADayFromUtc) {
  const seconds offset = local_utc_offset(at(date(2026, 8, 22)));
  EXPECT_LT(std::chrono::abs(offset), hours{24});
}

}  // namespace
}  // namespace flaskscale
