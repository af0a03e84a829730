#include "simulator/trace.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "simulator/time_stamp.h"

namespace flaskscale::simulator {
namespace {

constexpr double kDay = 86400;
constexpr double kLongest = 400 * kDay;
constexpr double kMostPerInterval = 1e12;
constexpr double kFlatBelow = 5;  // seconds
constexpr double kSameTime = 1e-6;

struct Line {
  const std::string& file;
  size_t number;

  Error error(const std::string& problem, const std::string& hint) const {
    return make_error(ErrorCode::invalid_argument,
                      file + ":" + std::to_string(number) + ": " + problem + " (" + hint + ")");
  }
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\"") - first + 1);
}

std::string shown(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string result =
      "'" + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "…'" : "'");
  std::replace_if(
      result.begin(), result.end(), [](unsigned char c) { return c < 0x20; }, '?');
  return result;
}

struct Sample {
  double at = 0;
  double requests = 0;
};

class CsvReader {
 public:
  explicit CsvReader(const std::string& file) : file_(file) {}

  Result<void> add(std::string_view text, size_t number) {
    const Line line{file_, number};
    const auto [first, second] = split(text);
    if (!second) return line.error("one column only", "a row is TIME,REQUESTS");
    const std::optional<double> stamp = parse_time_stamp(first);
    const std::optional<double> at = stamp ? stamp : parse_number(first);
    const std::optional<double> requests = parse_number(*second);
    if (!at && !requests && !begun_) {
      begun_ = true;  // the header
      return {};
    }
    begun_ = true;
    if (!at) {
      return line.error(shown(first) + " is no time",
                        "write seconds, or a date as 2014-04-10 00:04:00");
    }
    if (!requests) return line.error(shown(*second) + " is no number of requests", "write 120");
    if (*requests < 0) return line.error("a negative number of requests", "write 0 or more");
    if (*requests > kMostPerInterval) return line.error("too many requests", "at most 10^12");
    return add(*at, *requests, stamp.has_value(), line);
  }

  std::vector<Sample>& samples() { return samples_; }
  bool has_calendar() const { return calendar_; }

 private:
  static std::pair<std::string_view, std::optional<std::string_view>> split(std::string_view text) {
    const auto comma = text.find_first_of(",;\t");
    if (comma == std::string_view::npos) return {trimmed(text), std::nullopt};
    const std::string_view rest = text.substr(comma + 1);
    return {trimmed(text.substr(0, comma)), trimmed(rest.substr(0, rest.find_first_of(",;\t")))};
  }

  Result<void> add(double at, double requests, bool calendar, const Line& line) {
    if (samples_.empty()) {
      calendar_ = calendar;
    } else if (calendar != calendar_) {
      return line.error("dates and mere seconds in one file", "write all times alike");
    } else if (at < samples_.back().at - kSameTime) {
      return line.error("the time runs backwards", "sort the rows by time");
    } else if (at - samples_.front().at > kLongest) {
      return line.error("the trace is longer than 400 days",
                        "are the times milliseconds? divide them by 1000");
    }
    if (!samples_.empty() && at - samples_.back().at <= kSameTime) {
      samples_.back().requests += requests;
    } else {
      samples_.push_back({at, requests});
    }
    return {};
  }

  const std::string& file_;
  bool begun_ = false;
  bool calendar_ = false;
  std::vector<Sample> samples_;
};

class LogReader {
 public:
  LogReader(const std::string& file, std::string_view pool) : file_(file), pool_(pool) {}

  Result<void> add(std::string_view text, size_t number) {
    const Line line{file_, number};
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return line.error("no JSON object", "is the line cut off? remove it");
    const auto time = json.find("time");
    if (time == json.end() || !time->is_string()) {
      return line.error("no \"time\"", "an access log with format = \"json\" is wanted");
    }
    const auto at = parse_time_stamp(time->get_ref<const std::string&>());
    if (!at) return line.error("\"time\" is no time stamp", "write it as 2026-01-31T12:00:00.000Z");
    const auto pool = json.find("pool");
    if (!pool_.empty() && pool != json.end() && pool->is_string() && *pool != pool_) return {};
    const double total = milliseconds(json, "total_ms");
    const double queued = std::max(0.0, milliseconds(json, "queue_ms"));
    // Who got no answer of a backend held no slot that would say how long its kind takes.
    const bool served = milliseconds(json, "first_byte_ms") >= 0 && total >= 0;
    requests_.push_back({*at, served ? std::max(0.0, total - queued) / 1000 : -1});
    return {};
  }

  std::vector<RecordedRequest>& requests() { return requests_; }

 private:
  static double milliseconds(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number() ? found->get<double>() : -1;
  }

  const std::string& file_;
  const std::string pool_;
  std::vector<RecordedRequest> requests_;
};

Error empty_trace(const std::string& name, const std::string& what) {
  return make_error(ErrorCode::invalid_argument, name + ":1: " + what);
}

WallTime wall_of(double seconds) {
  return WallTime(std::chrono::milliseconds(static_cast<int64_t>(std::llround(seconds * 1000))));
}

// The length of the intervals where all lie on one grid; else none.
std::optional<double> grid_of(const std::vector<Sample>& samples) {
  std::vector<double> steps;
  for (size_t i = 1; i < samples.size(); ++i) steps.push_back(samples[i].at - samples[i - 1].at);
  const double least = *std::min_element(steps.begin(), steps.end());
  for (const double step : steps) {
    const double times = step / least;
    if (std::abs(times - std::round(times)) > 1e-3 * times) return std::nullopt;
  }
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle < 1.5 * least ? std::optional(least) : std::nullopt;
}

Result<Trace> trace_of(CsvReader& reader, const std::string& name) {
  const std::vector<Sample>& samples = reader.samples();
  if (samples.empty()) return empty_trace(name, "no rows (a row is TIME,REQUESTS)");
  if (samples.size() == 1) {
    return empty_trace(name, "one time only (two are needed to know how long an interval is)");
  }
  Trace trace;
  trace.has_calendar = reader.has_calendar();
  if (trace.has_calendar) trace.begins = wall_of(samples.front().at);
  const std::optional<double> grid = grid_of(samples);
  for (size_t i = 0; i < samples.size(); ++i) {
    const double at = samples[i].at - samples.front().at;
    const bool last = i + 1 == samples.size();
    const double gap = last ? samples[i].at - samples[i - 1].at : samples[i + 1].at - samples[i].at;
    const double length = grid ? std::min(*grid, gap) : gap;
    trace.rows.push_back({at, length, samples[i].requests});
    const bool missing = grid && !last && gap > 1.5 * *grid;
    if (missing) trace.rows.push_back({at + length, gap - length, 0});
  }
  trace.seconds = std::ceil(trace.rows.back().at + trace.rows.back().length - kSameTime);
  return trace;
}

Result<Trace> trace_of(LogReader& reader, const std::string& name, std::string_view pool) {
  std::vector<RecordedRequest>& requests = reader.requests();
  if (requests.empty()) {
    return empty_trace(name, "no request of pool '" + std::string(pool) + "' in this log");
  }
  std::stable_sort(requests.begin(), requests.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  const double begin = std::floor(requests.front().at);
  if (requests.back().at - begin > kLongest) {
    return empty_trace(name, "the log is longer than 400 days (cut it)");
  }
  Trace trace;
  trace.has_calendar = true;
  trace.begins = wall_of(begin);
  for (RecordedRequest& request : requests) request.at -= begin;
  trace.seconds = std::floor(requests.back().at) + 1;
  trace.requests = std::move(requests);
  return trace;
}

}  // namespace

Result<Trace> parse_trace(std::istream& input, const std::string& name, std::string_view pool) {
  CsvReader csv(name);
  LogReader log(name, pool);
  std::optional<bool> is_log;
  std::string line;
  for (size_t number = 1; std::getline(input, line); ++number) {
    std::string_view text = line;
    if (number == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (trimmed(text).empty() || text.front() == '#') continue;
    if (!is_log) is_log = text.front() == '{';
    if (auto added = *is_log ? log.add(text, number) : csv.add(text, number); !added) {
      return added.error();
    }
  }
  if (input.bad()) return make_error(ErrorCode::io_error, name + ": can't be read");
  return is_log.value_or(false) ? trace_of(log, name, pool) : trace_of(csv, name);
}

Result<Trace> read_trace(const std::string& path, std::string_view pool) {
  std::ifstream file(path);
  if (!file)
    return make_error(ErrorCode::not_found, path + ": can't be opened (is the path right?)");
  return parse_trace(file, path, pool);
}

LoadCurve curve_of(const Trace& trace) {
  std::vector<LoadCurve::Point> points;
  const double length = trace.rows.empty() ? 0 : trace.rows.front().length;
  const bool flat = std::any_of(trace.rows.begin(), trace.rows.end(), [&](const Trace::Row& row) {
    return row.length < kFlatBelow ||
           (row.requests > 0 && std::abs(row.length - length) > kSameTime);
  });
  for (const Trace::Row& row : trace.rows) {
    const double rate = row.requests / row.length;
    if (flat) {
      points.push_back({row.at, rate});
      points.push_back({row.at + row.length, rate});
    } else if (row.length > 1.5 * length) {  // missing intervals
      points.push_back({row.at + length / 2, 0});
      points.push_back({row.at + row.length - length / 2, 0});
    } else {
      points.push_back({row.at + row.length / 2, rate});
    }
  }
  return LoadCurve(std::move(points));
}

LoadCurve curve_of(const std::vector<RecordedRequest>& requests, double seconds) {
  std::vector<LoadCurve::Point> points;
  size_t next = 0;
  for (double at = 0; at < seconds; at += 1) {
    size_t count = 0;
    for (; next < requests.size() && requests[next].at < at + 1; ++next) ++count;
    const auto rate = static_cast<double>(count);
    points.push_back({at, rate});
    points.push_back({at + 1, rate});
  }
  return LoadCurve(std::move(points));
}

}  // namespace flaskscale::simulator
