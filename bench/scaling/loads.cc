#include "bench/scaling/loads.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <sstream>

#include "simulator/trace.h"

namespace flaskscale::bench {
namespace {

using simulator::LoadCurve;
using Points = std::vector<LoadCurve::Point>;

constexpr double kMinute = 60;
constexpr double kHour = 3600;
constexpr double kDay = 24 * kHour;

Load make_load(std::string name, std::string title, Points points) {
  Load load;
  load.name = std::move(name);
  load.title = std::move(title);
  load.workload.rate = LoadCurve(std::move(points));
  load.workload.seconds = load.workload.rate.end();
  load.workload.service.steps = {{0, kServiceSeconds}};
  return load;
}

Load step() {
  return make_load("step", "step 5x", {{0, 200}, {kHour, 200}, {kHour, 1000}, {2 * kHour, 1000}});
}

Load spike() {
  return make_load("spike", "spike 10x 2min",
                   {{0, 250},
                    {30 * kMinute, 250},
                    {30 * kMinute, 2500},
                    {32 * kMinute, 2500},
                    {32 * kMinute, 250},
                    {90 * kMinute, 250}});
}

Load ramp() {
  return make_load("ramp", "ramp 10x 10min",
                   {{0, 200},
                    {20 * kMinute, 200},
                    {30 * kMinute, 2000},
                    {60 * kMinute, 2000},
                    {70 * kMinute, 200},
                    {90 * kMinute, 200}});
}

// Three waves, from the trough.
Load diurnal() {
  constexpr double kPeriod = 4 * kHour;
  Points points;
  for (double at = 0; at <= 3 * kPeriod; at += 10) {
    points.push_back({at, 900 - 700 * std::cos(2 * std::numbers::pi * at / kPeriod)});
  }
  return make_load("diurnal", "diurnal 4h", std::move(points));
}

Load on_off() {
  Points points;
  double at = 0;
  for (int wave = 0; wave < 4; ++wave) {
    points.push_back({at, 0});
    at += 40 * kMinute;
    points.push_back({at, 0});
    points.push_back({at, 100});
    at += 10 * kMinute;
    points.push_back({at, 100});
  }
  Load load = make_load("onoff", "on/off from zero", std::move(points));
  load.min = 0;
  return load;
}

Load service_step() {
  Load load = make_load("service", "service time x3", {{0, 400}, {2 * kHour, 400}});
  load.workload.service.steps = {{0, kServiceSeconds}, {kHour, 3 * kServiceSeconds}};
  return load;
}

// The load triples within a stock-out of an hour.
Load stockout() {
  Load load = make_load("stockout", "stock-out hour",
                        {{0, 400},
                         {40 * kMinute, 400},
                         {50 * kMinute, 1200},
                         {150 * kMinute, 1200},
                         {160 * kMinute, 400},
                         {180 * kMinute, 400}});
  load.stockouts = {{30 * kMinute, 90 * kMinute}};
  return load;
}

Load loss() {
  Load load = make_load("loss", "loss of a third", {{0, 800}, {90 * kMinute, 800}});
  load.crashes = {{45 * kMinute, 1.0 / 3}};
  return load;
}

// The load doubles while nothing is known of it.
Load gap() {
  Load load =
      make_load("gap", "metrics gap 2min",
                {{0, 500}, {40 * kMinute, 500}, {41 * kMinute, 1000}, {90 * kMinute, 1000}});
  load.blind = {{40 * kMinute, 42 * kMinute}};
  return load;
}

Result<simulator::Trace> trace_of(const std::string& path) {
  return simulator::read_trace(path, "");
}

double per_second(const simulator::Trace::Row& row) { return row.requests / row.length; }

}  // namespace

std::vector<Load> synthetic_loads() {
  return {step(), spike(), ramp(), diurnal(), on_off(), service_step(), stockout(), loss(), gap()};
}

Result<Load> nab_load(const std::string& folder) {
  auto trace = trace_of(folder + "/nab_elb_request_count_8c0756.csv");
  if (!trace) return trace.error();
  std::vector<double> rates;
  for (const auto& row : trace->rows) rates.push_back(per_second(row));
  std::sort(rates.begin(), rates.end());
  const double p99 = rates[static_cast<size_t>(0.99 * static_cast<double>(rates.size() - 1))];
  LoadCurve curve = simulator::curve_of(*trace).scaled(30 * kRequestsPerSecond / p99);
  Load load = make_load("nab", "NAB ELB d0", curve.points());
  load.workload.seconds = kDay;
  load.workload.begins = trace->begins;
  return load;
}

Result<Load> worldcup_load(const std::string& folder) {
  const std::string path = folder + "/worldcup98_invocation_count_0620_0714.csv";
  std::ifstream file(path);
  if (!file) return make_error(ErrorCode::not_found, path + ": can't be opened");
  std::string line;
  std::stringstream day;
  while (std::getline(file, line)) {
    if (line.starts_with("1998-06-30")) day << line << '\n';
  }
  auto trace = simulator::parse_trace(day, path, "");
  if (!trace) return trace.error();
  double most = 0;
  for (const auto& row : trace->rows) most = std::max(most, per_second(row));
  LoadCurve curve = simulator::curve_of(*trace).scaled(50 * kRequestsPerSecond / most);
  Load load = make_load("wc98", "WC98 06-30", curve.points());
  load.workload.seconds = trace->seconds;
  load.workload.begins = trace->begins;
  return load;
}

}  // namespace flaskscale::bench
