#include <chrono>

#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Range<Duration> kFromNothing = {Duration::zero(), hours(7 * 24)};
constexpr Range<Duration> kFromSecond = {seconds(1), hours(24)};
constexpr Range<Duration> kEstimate = {milliseconds(1), hours(1)};
constexpr uint32_t kMostInstances = 1000;

constexpr std::array<Choice<ScalingMode>, 4> kModes = {
    {{"act", ScalingMode::act},
     {"scale_out_only", ScalingMode::scale_out_only},
     {"observe", ScalingMode::observe},
     {"off", ScalingMode::off}}};

enum class Provider : uint8_t { process };
constexpr std::array<Choice<Provider>, 4> kProviders = {{{"process", Provider::process},
                                                         {"docker", std::nullopt},
                                                         {"gce", std::nullopt},
                                                         {"exec", std::nullopt}}};

void read_bounds(TableReader& table, ScalingModel& scaling) {
  const ScalingModel defaults;
  table.read_count("min", scaling.min, {0, kMostInstances});
  table.read_count("max", scaling.max, {1, kMostInstances});
  if (scaling.min <= scaling.max) return;
  const Entry* min = table.node().find("min");
  const Entry* max = table.node().find("max");
  // One of the two is written: the defaults are in order.
  const Entry& written = min != nullptr ? *min : *max;
  table.problems().add(written.value.source,
                       table.path_of("min") + " is " + std::to_string(scaling.min) +
                           ", more than max, which is " + std::to_string(scaling.max),
                       max == nullptr   ? "without max it is " + std::to_string(defaults.max)
                       : min == nullptr ? "without min it is " + std::to_string(defaults.min)
                                        : "");
}

void read_times(TableReader& table, ScalingModel& scaling) {
  table.read_duration("drain_timeout", scaling.drain_timeout, kFromNothing);
  table.read_duration("boot_timeout", scaling.boot_timeout, kFromSecond);
  table.read_duration("idle_to_zero", scaling.idle_to_zero, kFromNothing);
  table.read_duration("scale_in_window", scaling.scale_in_window, kFromNothing);
  table.read_duration("scale_in_interval", scaling.scale_in_interval, kFromNothing);
  table.read_duration("boot_estimate", scaling.boot_estimate, kEstimate);
  table.read_duration("service_time_estimate", scaling.service_time_estimate, kEstimate);
}

// The provider's own table: only that of `process` is read, and it must be there.
void read_provider(TableReader& table, const ReadContext& context, ScalingModel& scaling) {
  Provider provider = Provider::process;
  table.read_choice("provider", provider, kProviders);
  for (const std::string_view key : {"docker", "gce", "exec"}) table.not_built_yet(key);

  const Entry* written = table.node().find("provider");
  if (auto process = table.reader("process")) {
    read_process_provider(*process, context, scaling.process);
  } else if (table.node().find("process") == nullptr &&
             (written == nullptr || written->value.text == "process")) {
    table.problems().add(written == nullptr ? table.node().source : written->value.source,
                         "the provider \"process\" needs [" + table.path_of("process") + "]",
                         "add it with command = [ … ]");
  }
}

}  // namespace

void read_scaling(TableReader& pool, const ReadContext& context, PoolModel& model) {
  auto table = pool.reader("scaling");
  if (!table) return;
  ScalingModel scaling;
  table->read_choice("mode", scaling.mode, kModes);
  read_bounds(*table, scaling);
  table->read_ratio("availability", scaling.availability, {0.5, 0.999});
  read_times(*table, scaling);
  read_provider(*table, context, scaling);
  table->not_built_yet("schedule");
  table->not_built_yet("on_event");
  table->reject_unknown_keys();
  model.scaling = std::move(scaling);
}

}  // namespace flaskscale::config
