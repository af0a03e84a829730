#include "base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <limits>
#include <vector>

namespace flaskscale {
namespace {

using namespace std::chrono_literals;

Duration duration_of(std::string_view text) {
  const Result<Duration> duration = parse_duration(text);
  EXPECT_TRUE(duration) << text << ": " << duration.error().detail;
  return duration ? *duration : Duration::min();
}

uint64_t size_of(std::string_view text) {
  const Result<uint64_t> size = parse_size(text);
  EXPECT_TRUE(size) << text << ": " << size.error().detail;
  return size ? *size : 1234567;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_json_escaped(text, out);
  return out;
}

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(duration_of("7us"), 7us);
  EXPECT_EQ(duration_of("250ms"), 250ms);
  EXPECT_EQ(duration_of("30s"), 30s);
  EXPECT_EQ(duration_of("2m"), 2min);
  EXPECT_EQ(duration_of("1h"), 1h);
  EXPECT_EQ(duration_of("2d"), 48h);
}

TEST(ParseDuration, ReadsDecimalsAndCompounds) {
  EXPECT_EQ(duration_of("1.5s"), 1500ms);
  EXPECT_EQ(duration_of("0.25h"), 15min);
  EXPECT_EQ(duration_of("1h30m"), 90min);
  EXPECT_EQ(duration_of("1d2h3m4s5ms6us"), 26h + 3min + 4s + 5ms + 6us);
  EXPECT_EQ(duration_of("1.50s"), 1500ms);
}

TEST(ParseDuration, ReadsZeroWithAndWithoutUnit) {
  EXPECT_EQ(duration_of("0"), 0s);
  EXPECT_EQ(duration_of("0s"), 0s);
}

TEST(ParseDuration, RefusesWhatHasNoUnit) {
  const auto duration = parse_duration("30");

  ASSERT_FALSE(duration);
  EXPECT_EQ(duration.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(duration.error().detail,
            "\"30\" has no unit: write us, ms, s, m, h or d behind the number");
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const std::string_view text :
       {"",     "s",    "-1s",  "+1s",   "1 s",    " 1s",   "1s ",       "1S",
        "1sec", "1.s",  ".5s",  "1..5s", "1.5.5s", "30m1h", "1m1m",      "1h30",
        "one",  "1e3s", "0x1s", "nan",   "00",     "1y",    "1\xc2\xb5s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(ParseDuration, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(parse_duration("999999999999d"));
  EXPECT_FALSE(parse_duration("99999999999999999999999s"));
  EXPECT_FALSE(parse_duration("0.0001us"));
  EXPECT_FALSE(parse_duration("0.0000000000000000000001d"));
  EXPECT_EQ(duration_of("106751d"), 24h * 106751);
  EXPECT_FALSE(parse_duration("106752d"));
  EXPECT_FALSE(parse_duration("106751d24h"));
}

TEST(FormatDuration, WritesTheShortestForm) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(10min), "10m");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(90min), "90m");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(3661s), "3661s");
  EXPECT_EQ(format_duration(std::chrono::nanoseconds(1)), "0.001us");
  EXPECT_EQ(format_duration(-5s), "-5s");
}

TEST(FormatDuration, IsReadBackExactly) {
  for (const int64_t count :
       {int64_t{1}, int64_t{999}, int64_t{1001}, int64_t{123456789}, int64_t{1'000'000'001},
        int64_t{86'400'000'000'001}, std::numeric_limits<int64_t>::max()}) {
    const Duration duration{count};
    EXPECT_EQ(duration_of(format_duration(duration)), duration) << format_duration(duration);
  }
}

TEST(ParseSize, ReadsEveryUnit) {
  EXPECT_EQ(size_of("0"), 0U);
  EXPECT_EQ(size_of("512"), 512U);
  EXPECT_EQ(size_of("512B"), 512U);
  EXPECT_EQ(size_of("64KiB"), 65536U);
  EXPECT_EQ(size_of("10MiB"), 10U << 20U);
  EXPECT_EQ(size_of("1GiB"), 1U << 30U);
  EXPECT_EQ(size_of("2TiB"), 2ULL << 40U);
  EXPECT_EQ(size_of("1.5KiB"), 1536U);
  EXPECT_EQ(size_of("18446744073709551615"), std::numeric_limits<uint64_t>::max());
}

TEST(ParseSize, RefusesDecimalUnitsWithAHint) {
  const auto size = parse_size("64KB");

  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().detail, "\"64KB\" has an unknown unit: write KiB (1024 bytes)");
  EXPECT_NE(parse_size("1m").error().detail.find("write MiB"), std::string::npos);
  EXPECT_NE(parse_size("1Gb").error().detail.find("write GiB"), std::string::npos);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const std::string_view text :
       {"", "KiB", "-1KiB", "1 KiB", "1.KiB", "1kib", "0.3B", "0.0001KiB", "18446744073709551616",
        "99999999999999TiB", "1KiB1", "all"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(FormatSize, WritesAtMostOneDecimal) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1023), "1023B");
  EXPECT_EQ(format_size(65536), "64KiB");
  EXPECT_EQ(format_size(1536U << 10U), "1.5MiB");
  EXPECT_EQ(format_size((1U << 20U) - 1), "1MiB");
  EXPECT_EQ(format_size(1100), "1.1KiB");
  EXPECT_EQ(format_size(5ULL << 40U), "5TiB");
  EXPECT_EQ(format_size(std::numeric_limits<uint64_t>::max()), "16777216TiB");
}

TEST(Nearest, FindsTheWordThatWasMeant) {
  const std::array<std::string_view, 4> words = {"listen", "limit", "timeout", "slots"};

  EXPECT_EQ(nearest("lisen", words), "listen");
  EXPECT_EQ(nearest("lsiten", words), "listen");
  EXPECT_EQ(nearest("time_out", words), "timeout");
  EXPECT_EQ(nearest("slot", words), "slots");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  const std::array<std::string_view, 2> words = {"listen", "limit"};

  EXPECT_EQ(nearest("backends", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest("listen", {}), "");
  EXPECT_EQ(nearest(std::string(1000, 'x'), words), "");
}

TEST(IgnoringCase, ComparesAsciiOnly) {
  EXPECT_TRUE(equals_ignoring_case("Content-Length", "content-LENGTH"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("\xc4", "\xe4"));
  EXPECT_EQ(lower_case("AbC-1\xc4"), "abc-1\xc4");
}

TEST(JsonEscape, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(escaped("plain"), "plain");
  EXPECT_EQ(escaped("a\"b\\c"), "a\\\"b\\\\c");
  EXPECT_EQ(escaped("\n\r\t"), "\\n\\r\\t");
  EXPECT_EQ(escaped(std::string_view("\0\x1f\x7f", 3)), "\\u0000\\u001f\x7f");
  EXPECT_EQ(escaped(""), "");
}

TEST(JsonEscape, KeepsValidUtf8) {
  for (const std::string_view text :
       {"ä", "€", "😀", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(escaped(text), text);
  }
}

TEST(JsonEscape, ReplacesInvalidUtf8) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(escaped("a\xff"
                    "b"),
            "a" + mark + "b");
  EXPECT_EQ(escaped("\xc3"), mark);                                   // cut off
  EXPECT_EQ(escaped("\xc0\xaf"), mark + mark);                        // longer than needed
  EXPECT_EQ(escaped("\xed\xa0\x80"), mark + mark + mark);             // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), mark + mark + mark + mark);  // beyond the last
  EXPECT_EQ(escaped("\xe0\x80\xaf"), mark + mark + mark);
  EXPECT_EQ(escaped("\xe2\x82\""), mark + mark + "\\\"");
}

}  // namespace
}  // namespace flaskscale
