#include "simulator/trace.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "simulator/boot_time_model.h"
#include "simulator/time_stamp.h"

namespace flaskscale::simulator {
namespace {

Result<Trace> parse(const std::string& text, const std::string& pool = "") {
  std::istringstream input(text);
  return parse_trace(input, "load.csv", pool);
}

std::string problem(const std::string& text, const std::string& pool = "") {
  const auto trace = parse(text, pool);
  return trace ? "" : trace.error().detail;
}

TEST(TimeStamp, IsReadInAllUsualForms) {
  EXPECT_EQ(parse_time_stamp("1970-01-02"), 86400);
  EXPECT_EQ(parse_time_stamp("1970-01-01 00:01"), 60);
  EXPECT_EQ(parse_time_stamp("1970-01-01T00:00:01.5Z"), 1.5);
  EXPECT_EQ(parse_time_stamp("1970-01-01T02:00:00+02:00"), 0);
  EXPECT_EQ(parse_time_stamp("1970-01-01T00:00:00-0130"), 5400);
  for (const char* bad : {"", "1970", "1970-13-01", "1970-02-30", "1970-01-01 25:00",
                          "1970-01-01 00:00:00 UTC", "1970-01-01T", "12:00"}) {
    EXPECT_EQ(parse_time_stamp(bad), std::nullopt) << bad;
  }
}

TEST(Trace, ReadsSecondsWithAndWithoutHeader) {
  for (const char* header : {"", "time,requests\n", "\xef\xbb\xbftime;count\n"}) {
    const auto trace = parse(std::string(header) + "0,10\n60,20\n120;30\n");
    ASSERT_TRUE(trace) << trace.error().detail;
    ASSERT_EQ(trace->rows.size(), 3U);
    EXPECT_EQ(trace->seconds, 180);
    EXPECT_EQ(trace->rows[1].at, 60);
    EXPECT_EQ(trace->rows[2].requests, 30);
    EXPECT_EQ(trace->rows[2].length, 60);
    EXPECT_FALSE(trace->has_calendar);
  }
}

TEST(Trace, ReadsDatesAndSumsEqualPeriods) {
  const auto trace = parse(
      "period,count,note\n\"2014-04-10 00:04:00\",5,a\n2014-04-10 00:04:00,7\n2014-04-10 "
      "00:09:00,1.5\n");
  ASSERT_TRUE(trace) << trace.error().detail;
  ASSERT_EQ(trace->rows.size(), 2U);
  EXPECT_EQ(trace->rows[0].requests, 12);
  EXPECT_TRUE(trace->has_calendar);
  EXPECT_EQ(trace->begins.time_since_epoch().count(), 1397088240000);
  EXPECT_EQ(trace->seconds, 600);
}

TEST(Trace, TakesMissingIntervalsOfAGridAsEmpty) {
  const auto trace = parse("0,60\n60,60\n120,60\n360,60\n420,60\n");
  ASSERT_TRUE(trace) << trace.error().detail;
  EXPECT_EQ(trace->seconds, 480);
  const LoadCurve curve = curve_of(*trace);
  LoadCurveReader reader(curve);
  EXPECT_NEAR(reader.span(100, 101).mean, 1, 0.01);
  EXPECT_EQ(reader.span(240, 300).mean, 0);
  EXPECT_NEAR(reader.span(400, 401).mean, 1, 0.01);
  EXPECT_NEAR(curve.requests(), 300, 61);
}

TEST(Trace, LetsAnIntervalOfAnIrregularTraceLastUntilTheNext) {
  const auto trace = parse("0,100\n100,30\n130,5\n200,7\n");
  ASSERT_TRUE(trace) << trace.error().detail;
  EXPECT_EQ(trace->rows[0].length, 100);
  EXPECT_EQ(trace->rows[1].length, 30);
  EXPECT_EQ(trace->rows[3].length, 70);
  const LoadCurve curve = curve_of(*trace);
  LoadCurveReader reader(curve);
  EXPECT_DOUBLE_EQ(reader.span(0, 1).mean, 1);
  EXPECT_DOUBLE_EQ(reader.span(110, 111).mean, 1);
}

TEST(Trace, InterpolatesBetweenTheMiddlesOfLongIntervals) {
  const auto trace = parse("0,60\n60,120\n");
  ASSERT_TRUE(trace);
  const LoadCurve curve = curve_of(*trace);
  LoadCurveReader reader(curve);
  EXPECT_DOUBLE_EQ(reader.span(0, 30).mean, 1);
  EXPECT_NEAR(reader.span(59, 61).mean, 1.5, 1e-9);
  EXPECT_DOUBLE_EQ(reader.span(90, 120).mean, 2);
}

TEST(Trace, SaysWhatIsWrongWhere) {
  EXPECT_EQ(problem("0,1\n60\n"), "load.csv:2: one column only (a row is TIME,REQUESTS)");
  EXPECT_EQ(problem("0,1\nx,2\n"),
            "load.csv:2: 'x' is no time (write seconds, or a date as 2014-04-10 00:04:00)");
  EXPECT_EQ(problem("0,1\n60,many\n"), "load.csv:2: 'many' is no number of requests (write 120)");
  EXPECT_EQ(problem("0,1\n60,-3\n"), "load.csv:2: a negative number of requests (write 0 or more)");
  EXPECT_EQ(problem("60,1\n0,3\n"), "load.csv:2: the time runs backwards (sort the rows by time)");
  EXPECT_NE(problem("0,1\n2014-04-10,3\n").find("load.csv:2: dates and mere seconds"),
            std::string::npos);
  EXPECT_NE(problem("0,nan\n60,1\n").find("load.csv:1: 'nan' is no number"), std::string::npos);
  EXPECT_NE(problem("1397088240000,1\n1497088240000,1\n").find("milliseconds"), std::string::npos);
  EXPECT_EQ(problem(""), "load.csv:1: no rows (a row is TIME,REQUESTS)");
  EXPECT_NE(problem("time,requests\n").find("no rows"), std::string::npos);
  EXPECT_NE(problem("0,5\n").find("one time only"), std::string::npos);
}

TEST(Trace, ReadsAnAccessLogInAnyOrder) {
  const std::string log =
      R"({"time":"2026-01-31T12:00:02.500Z","pool":"shop","queue_ms":100.000,"first_byte_ms":90.0,"total_ms":350.0})"
      "\n"
      R"({"time":"2026-01-31T12:00:00.250Z","pool":"shop","queue_ms":0.000,"first_byte_ms":90.0,"total_ms":200.0})"
      "\n"
      R"({"time":"2026-01-31T12:00:01.000Z","pool":"other","queue_ms":0,"first_byte_ms":9,"total_ms":20})"
      "\n"
      R"({"time":"2026-01-31T12:00:01.000Z","pool":"shop","queue_ms":30000.0,"first_byte_ms":null,"total_ms":30000.1})"
      "\n";
  const auto trace = parse(log, "shop");
  ASSERT_TRUE(trace) << trace.error().detail;
  ASSERT_EQ(trace->requests.size(), 3U);
  EXPECT_DOUBLE_EQ(trace->requests[0].at, 0.25);
  EXPECT_DOUBLE_EQ(trace->requests[0].service, 0.2);
  EXPECT_LT(trace->requests[1].service, 0);  // got no answer of a backend
  EXPECT_DOUBLE_EQ(trace->requests[2].service, 0.25);
  EXPECT_EQ(trace->seconds, 3);
  EXPECT_EQ(curve_of(trace->requests, trace->seconds).requests(), 3);
}

TEST(Trace, SaysWhichLineOfALogIsBroken) {
  EXPECT_NE(problem("{\"time\":\"2026-01-31T12:00:00Z\"}\n{\"ti\n").find("load.csv:2: no JSON"),
            std::string::npos);
  EXPECT_NE(problem("{\"pool\":\"shop\"}\n").find("load.csv:1: no \"time\""), std::string::npos);
  EXPECT_NE(problem("{\"time\":7}\n").find("load.csv:1: no \"time\""), std::string::npos);
  EXPECT_NE(problem("{\"time\":\"noon\"}\n").find("is no time stamp"), std::string::npos);
  EXPECT_NE(problem("{\"time\":\"2026-01-31T12:00:00Z\",\"pool\":\"a\"}\n", "b").find("no request"),
            std::string::npos);
}

TEST(BootTimeModel, ReadsAllForms) {
  Random random(1);
  EXPECT_EQ(BootTimeModel::parse("75s")->sample(random), 75);
  const auto uniform = BootTimeModel::parse("40s..80s");
  ASSERT_TRUE(uniform);
  EXPECT_EQ(uniform->mean(), 60);
  const auto lognormal = BootTimeModel::parse("lognormal:60s,0.3");
  ASSERT_TRUE(lognormal);
  double below = 0;
  for (int i = 0; i < 2000; ++i) {
    EXPECT_GE(uniform->sample(random), 40);
    EXPECT_LE(uniform->sample(random), 80);
    below += lognormal->sample(random) < 60 ? 1 : 0;
  }
  EXPECT_NEAR(below / 2000, 0.5, 0.05);
  for (const char* bad : {"", "fast", "80s..40s", "-1s", "lognormal:60s", "lognormal:60s,9",
                          "file:/nonexistent", "400d"}) {
    EXPECT_FALSE(BootTimeModel::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace flaskscale::simulator
