#include "proxy/server/simulate_command.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "base/text.h"
#include "proxy/server/pool_scaling.h"
#include "proxy/server/snapshot_builder.h"
#include "simulator/clairvoyant.h"
#include "simulator/flaskscale_driver.h"
#include "simulator/report.h"
#include "simulator/simulation.h"
#include "simulator/trace.h"

namespace flaskscale::server {
namespace {

using simulator::Report;
using simulator::ServiceTimes;
using simulator::SimulationSettings;
using simulator::Trace;
using simulator::Workload;

constexpr size_t kTimelinePoints = 3000;
constexpr double kFastest = 1e6;       // requests/s
constexpr double kMostReplayed = 5e7;  // requests of a log
constexpr double kShortest = 1e-4;     // seconds of service
constexpr double kLongest = 3600;

Error bad(std::string detail) { return make_error(ErrorCode::invalid_argument, std::move(detail)); }

Result<double> seconds_of(std::string_view option, std::string_view text, double least,
                          double most) {
  const auto duration = parse_duration(text);
  if (!duration) return bad(std::string(option) + ": " + duration.error().detail);
  const double seconds = to_seconds(*duration);
  if (seconds < least || seconds > most) {
    return bad(std::string(option) + ": '" + std::string(text) + "' is not within " +
               format_duration(from_seconds(least)) + " and " +
               format_duration(from_seconds(most)));
  }
  return seconds;
}

std::string names_of_scaled(const config::Model& model) {
  std::string names;
  for (const auto& [name, pool] : model.pools) {
    if (pool.scaling) names += (names.empty() ? "'" : ", '") + name + "'";
  }
  return names;
}

Result<const config::PoolModel*> choose_pool(const config::Model& model, const std::string& path,
                                             const std::string& wanted) {
  const std::string scaled = names_of_scaled(model);
  if (scaled.empty()) {
    return bad(path + ": no pool has scaling (add [pools.NAME.scaling])");
  }
  if (!wanted.empty()) {
    const auto found = model.pools.find(wanted);
    if (found == model.pools.end()) {
      return bad(path + ": no pool '" + wanted + "' (with scaling there are: " + scaled + ")");
    }
    if (!found->second.scaling) {
      return bad(path + ":" + std::to_string(found->second.source.line) + ": pool '" + wanted +
                 "' has no scaling (add [pools." + wanted + ".scaling], or choose one of " +
                 scaled + ")");
    }
    return &found->second;
  }
  const config::PoolModel* only = nullptr;
  for (const auto& [name, pool] : model.pools) {
    if (!pool.scaling) continue;
    if (only != nullptr) return bad(path + ": several pools have scaling: --pool " + scaled + "?");
    only = &pool;
  }
  return only;
}

Result<ServiceTimes> service_of(const SimulateOptions& options, const config::PoolModel& pool) {
  constexpr std::string_view kConstant = "constant:";
  ServiceTimes service;
  std::string_view text = options.service_time;
  if (text.empty()) {
    service.steps = {{0, to_seconds(pool.scaling->service_time_estimate)}};
    return service;
  }
  if (text.starts_with(kConstant)) {
    service.spread = ServiceTimes::Spread::constant;
    text.remove_prefix(kConstant.size());
  }
  const auto seconds = seconds_of("--service-time", text, kShortest, kLongest);
  if (!seconds) return seconds.error();
  service.steps = {{0, *seconds}};
  return service;
}

Result<simulator::CloudSettings> cloud_of(const SimulateOptions& options) {
  simulator::CloudSettings cloud;
  auto boot = simulator::BootTimeModel::parse(options.boot);
  if (!boot) return bad("--boot: " + boot.error().detail);
  cloud.boot = *std::move(boot);
  if (!(options.boot_failures >= 0 && options.boot_failures <= 1)) {
    return bad("--boot-failures: a share between 0 and 1");
  }
  cloud.boot_failures = options.boot_failures;
  const auto delete_time = seconds_of("--delete-time", options.delete_time, 0, 24 * 3600);
  if (!delete_time) return delete_time.error();
  cloud.delete_time = from_seconds(*delete_time);
  for (const std::string& window : options.stockouts) {
    const auto dots = window.find("..");
    if (dots == std::string::npos) return bad("--stockout: '" + window + "': write 2h..3h");
    constexpr double kYears = 2 * 366 * 86400.0;
    const auto from = seconds_of("--stockout", window.substr(0, dots), 0, kYears);
    if (!from) return from.error();
    const auto to = seconds_of("--stockout", window.substr(dots + 2), 0, kYears);
    if (!to) return to.error();
    if (*to <= *from)
      return bad("--stockout: '" + window + "': the end is not after the beginning");
    cloud.stockouts.emplace_back(*from, *to);
  }
  return cloud;
}

// Each request `scale` times on average; the copies come within a second around it.
std::vector<simulator::RecordedRequest> scaled(std::vector<simulator::RecordedRequest> requests,
                                               double scale, double seconds, uint64_t seed) {
  if (scale == 1) return requests;
  Random random(seed);
  std::vector<simulator::RecordedRequest> result;
  for (const auto& request : requests) {
    const auto copies = static_cast<uint64_t>(scale + random.unit());
    for (uint64_t i = 0; i < copies; ++i) {
      const double at = request.at + (i == 0 ? 0 : random.unit() - 0.5);
      result.push_back({std::clamp(at, 0.0, seconds), request.service});
    }
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  return result;
}

double mean_service(const std::vector<simulator::RecordedRequest>& requests, double otherwise) {
  double sum = 0;
  double count = 0;
  for (const auto& request : requests) {
    if (request.service < 0) continue;
    sum += request.service;
    count += 1;
  }
  return count > 0 ? std::max(sum / count, kShortest) : otherwise;
}

Result<Workload> workload_of(Trace trace, const SimulateOptions& options,
                             const ServiceTimes& service) {
  Workload workload;
  workload.seconds = trace.seconds;
  workload.begins = trace.begins;
  workload.service = service;
  if (trace.requests.empty()) {
    workload.rate = curve_of(trace).scaled(options.scale);
  } else {
    if (static_cast<double>(trace.requests.size()) * options.scale > kMostReplayed) {
      return bad("--scale: more than 50 million requests would be replayed");
    }
    workload.requests =
        scaled(std::move(trace.requests), options.scale, trace.seconds, options.seed);
    if (workload.requests.empty()) return bad("--scale: no request is left");
    workload.rate = simulator::curve_of(workload.requests, workload.seconds);
    workload.service.steps = {{0, mean_service(workload.requests, service.steps.front().mean)}};
  }
  if (workload.rate.peak() > kFastest) {
    return bad(options.trace + ": more than a million requests/s at the peak (a lower --scale?)");
  }
  return workload;
}

Result<void> write_page(const std::string& path, const Report& report) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << simulator::to_html(report);
  file.close();
  if (!file) return make_error(ErrorCode::io_error, "--html: '" + path + "' can't be written");
  return {};
}

Report run(const config::PoolModel& pool, const SimulateOptions& options, const Workload& workload,
           SimulationSettings settings, Report report) {
  scaler::Policy policy = scaling_policy(pool);
  // What it would do, not what it was allowed to do.
  if (policy.mode != scaler::Mode::scale_out_only) policy.mode = scaler::Mode::act;
  report.service_seconds = workload.service.steps.front().mean;
  report.slots = policy.slots;
  report.min = policy.min;
  report.max = policy.max;
  const simulator::ClairvoyantSettings ideal{report.requests_per_second(),
                                             settings.cloud.boot.mean(), policy.min, policy.max};
  simulator::LoadCurveReader reader(workload.rate);
  settings.pool = pool_settings(pool);
  settings.begin_with = simulator::wait_free_need(reader.span(0, 1).mean, ideal);
  settings.timeline_points = options.html.empty() ? 0 : kTimelinePoints;
  settings.seed = options.seed;
  report.result = simulator::simulate(settings, workload, simulator::flaskscale_driver(policy));
  const simulator::Clairvoyant best =
      simulator::clairvoyant_of(workload.rate, workload.seconds, ideal);
  report.clairvoyant_hours = best.instance_seconds() / 3600;
  report.fixed_size = best.peak();
  report.fixed_hours = best.peak() * workload.seconds / 3600;
  return report;
}

}  // namespace

Result<std::string> simulate(const config::Model& model, const std::string& config_path,
                             const SimulateOptions& options) {
  const auto pool = choose_pool(model, config_path, options.pool);
  if (!pool) return pool.error();
  if (!(options.scale > 0) || !std::isfinite(options.scale))
    return bad("--scale: a number above 0");
  if (!(options.price >= 0) || !std::isfinite(options.price)) return bad("--price: 0 or more");
  const auto service = service_of(options, **pool);
  if (!service) return service.error();
  const auto slo_wait = seconds_of("--slo-wait", options.slo_wait, 0.001, kLongest);
  if (!slo_wait) return slo_wait.error();
  auto cloud = cloud_of(options);
  if (!cloud) return cloud.error();
  auto trace = simulator::read_trace(options.trace, (*pool)->name);
  if (!trace) return trace.error();

  Report report;
  report.pool = (*pool)->name;
  report.trace = options.trace;
  report.begins = trace->begins;
  report.has_calendar = trace->has_calendar;
  report.price = options.price;
  report.slo_wait = *slo_wait;
  const auto workload = workload_of(*std::move(trace), options, *service);
  if (!workload) return workload.error();
  SimulationSettings settings;
  settings.cloud = *std::move(cloud);
  settings.slo_wait = *slo_wait;
  report = run(**pool, options, *workload, std::move(settings), std::move(report));
  if (!options.html.empty()) {
    if (auto written = write_page(options.html, report); !written) return written.error();
  }
  return options.json ? simulator::to_json(report) : simulator::to_text(report);
}

}  // namespace flaskscale::server
