#include <chrono>

#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Range<Duration> kUpToAWeek = {Duration::zero(), hours(7 * 24)};
constexpr Range<Duration> kFromSecond = {seconds(1), hours(24)};
constexpr Range<Duration> kEstimate = {milliseconds(1), hours(1)};
constexpr uint32_t kMostInstances = 1000;

constexpr std::array<Choice<ScalingMode>, 4> kModes = {
    {{"act", ScalingMode::act},
     {"scale_out_only", ScalingMode::scale_out_only},
     {"observe", ScalingMode::observe},
     {"off", ScalingMode::off}}};

constexpr std::array<Choice<ProviderKind>, 4> kProviders = {{{"process", ProviderKind::process},
                                                             {"docker", ProviderKind::docker},
                                                             {"gce", ProviderKind::gce},
                                                             {"exec", ProviderKind::exec}}};
constexpr std::array<Choice<AtShutdown>, 2> kAtShutdown = {
    {{"keep", AtShutdown::keep}, {"delete", AtShutdown::remove}}};

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
  table.read_duration("drain_timeout", scaling.drain_timeout, kUpToAWeek);
  table.read_duration("boot_timeout", scaling.boot_timeout, kFromSecond);
  table.read_duration("idle_to_zero", scaling.idle_to_zero, kUpToAWeek);
  table.read_duration("scale_in_window", scaling.scale_in_window, kUpToAWeek);
  table.read_duration("scale_in_interval", scaling.scale_in_interval, kUpToAWeek);
  table.read_duration("boot_estimate", scaling.boot_estimate, kEstimate);
  table.read_duration("service_time_estimate", scaling.service_time_estimate, kEstimate);
}

// A provider without its table: a word about the one whose table is there, if any.
void require_table(TableReader& table, ProviderKind provider) {
  const std::string chosen(to_string(provider));
  if (table.node().find(chosen) != nullptr) return;
  const Entry* written = table.node().find("provider");
  std::string hint =
      "add it with " + std::string(provider == ProviderKind::process  ? "command = [ … ]"
                                   : provider == ProviderKind::docker ? "image and port"
                                   : provider == ProviderKind::gce    ? "zones, group and port"
                                                                      : "create, list and delete");
  if (written == nullptr) {
    for (const auto& other : kProviders) {
      if (table.node().find(other.word) == nullptr) continue;
      hint = "or write provider = \"" + std::string(other.word) + "\", whose table is there";
    }
  }
  table.problems().add(written == nullptr ? table.node().source : written->value.source,
                       "the provider \"" + chosen + "\" needs [" + table.path_of(chosen) + "]",
                       hint);
}

// The tables of all providers are checked, so that another one can be chosen by its word alone; but
// only the chosen one's must be there, and only its programs and files.
void read_providers(TableReader& table, const ReadContext& context, ScalingModel& scaling) {
  table.read_choice("provider", scaling.provider, kProviders);
  const auto read = [&](ProviderKind kind, auto read_table, auto& model) {
    auto reader = table.reader(to_string(kind));
    if (reader) {
      read_table(*reader, context, kind == scaling.provider ? Use::used : Use::unused, model);
    }
  };
  read(ProviderKind::process, read_process_provider, scaling.process);
  read(ProviderKind::docker, read_docker_provider, scaling.docker);
  read(ProviderKind::gce, read_gce_provider, scaling.gce);
  read(ProviderKind::exec, read_exec_provider, scaling.exec);
  require_table(table, scaling.provider);
}

void read_standby(TableReader& table, ScalingModel& scaling) {
  table.read_count("standby", scaling.standby, {0, kMostInstances});
  const bool can_stop = scaling.provider == ProviderKind::gce ||
                        (scaling.provider == ProviderKind::exec && !scaling.exec.start.empty());
  if (scaling.standby == 0 || can_stop) return;
  table.problems().add(
      table.node().find("standby")->source,
      "the provider \"" + std::string(to_string(scaling.provider)) + "\" keeps none on standby",
      "\"gce\" can, and \"exec\" with stop and start");
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
  read_providers(*table, context, scaling);
  read_standby(*table, scaling);
  read_schedule(*table, scaling.max, scaling.schedule);
  read_hooks(*table, context, scaling.on_event);
  // A process is a child of this program; the others are not.
  scaling.at_shutdown =
      scaling.provider == ProviderKind::process ? AtShutdown::remove : AtShutdown::keep;
  table->read_choice("at_shutdown", scaling.at_shutdown, kAtShutdown);
  table->reject_unknown_keys();
  model.scaling = std::move(scaling);
}

}  // namespace flaskscale::config
