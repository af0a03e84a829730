#include "scaler/providers/gce_provider.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "scaler/providers/gce_online_check.h"

namespace flaskscale::scaler {
namespace {

// From then on a zone that fails alone no longer holds up the others.
constexpr Duration kZoneGrace = std::chrono::seconds(60);
// The part of the budget that lists may use up by themselves.
constexpr double kShareOfLists = 0.6;
constexpr int kListsPerGroupRead = 3;
constexpr Duration kRarestGroupRead = std::chrono::seconds(60);
constexpr Duration kShortestLease = std::chrono::seconds(60);

GceGroup::Ways ways_of(const GceSettings& settings) {
  GceGroup::Ways ways;
  ways.port = settings.port;
  ways.standby = settings.standby_mode;
  ways.info_interval = std::min(kRarestGroupRead, settings.list_interval * kListsPerGroupRead);
  return ways;
}

GceLease lease_of(const GceSettings& settings) {
  return {settings.owner,
          std::max(kShortestLease, settings.list_interval * kListsPerGroupRead * 2)};
}

}  // namespace

GceProvider::GceProvider(GceSettings settings, std::unique_ptr<HttpClient> http,
                         std::shared_ptr<GceTokenSource> tokens, Random random,
                         const GceClock& clock)
    : clock_(clock),
      transport_(settings.endpoint, settings.calls_per_minute, std::move(http), tokens, random,
                 clock),
      settings_(std::move(settings)),
      tokens_(std::move(tokens)) {}

void GceProvider::apply(GceSettings settings, std::shared_ptr<GceTokenSource> tokens) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
  tokens_ = std::move(tokens);
  settings_are_new_ = true;
}

void GceProvider::take_settings() {
  GceSettings fresh;
  std::shared_ptr<GceTokenSource> tokens;
  {
    const std::lock_guard lock(mutex_);
    if (!settings_are_new_) return;
    settings_are_new_ = false;
    fresh = settings_;
    tokens = tokens_;
  }
  transport_.apply(fresh.endpoint, fresh.calls_per_minute, std::move(tokens));
  const bool is_elsewhere = fresh.project != in_use_.project || fresh.group != in_use_.group ||
                            fresh.endpoint != in_use_.endpoint || fresh.owner != in_use_.owner ||
                            fresh.credentials != in_use_.credentials;
  if (is_elsewhere) {
    if (!zones_.empty()) {
      spdlog::warn(
          "pool {}: another project or group: instances of the one before are no longer "
          "looked after",
          fresh.pool);
    }
    api_.reset();
    zones_.clear();
  }
  arrange_zones(fresh);
  in_use_ = std::move(fresh);
}

void GceProvider::arrange_zones(const GceSettings& settings) {
  for (const auto& zone : zones_) {
    zone->is_configured = std::find(settings.zones.begin(), settings.zones.end(),
                                    zone->group.zone()) != settings.zones.end();
    zone->group.apply(ways_of(settings));
  }
  for (const std::string& name : settings.zones) {
    if (find_zone(name) == nullptr) add_zone(settings, name).is_configured = true;
  }
}

GceProvider::Zone* GceProvider::find_zone(const std::string& name) {
  const auto found = std::find_if(zones_.begin(), zones_.end(),
                                  [&name](const auto& zone) { return zone->group.zone() == name; });
  return found == zones_.end() ? nullptr : found->get();
}

GceProvider::Zone& GceProvider::add_zone(const GceSettings& settings, const std::string& name) {
  GceGroup group(settings.pool, name, ways_of(settings), lease_of(settings), clock_);
  zones_.push_back(
      std::make_unique<Zone>(Zone{.group = std::move(group), .last = {}, .failing_since = {}}));
  return *zones_.back();
}

Result<void> GceProvider::find_project() {
  if (api_) return {};
  std::string project = in_use_.project;
  if (project.empty()) {
    Result<std::string> found = transport_.project();
    if (!found) return found.error();
    project = std::move(*found);
  }
  GceSettings complete = in_use_;
  complete.project = project;
  const std::vector<std::string> problems = problems_of(complete);
  if (!problems.empty()) return make_error(ErrorCode::misconfigured, problems.front());
  api_.emplace(transport_, project, in_use_.group);
  return {};
}

Abilities GceProvider::abilities() const {
  const std::lock_guard lock(mutex_);
  Abilities abilities;
  abilities.zones = settings_.zones;
  abilities.can_stop = true;
  const double calls_per_second = settings_.calls_per_minute * kShareOfLists / 60;
  // Two calls per zone while something moves.
  const auto least = static_cast<uint32_t>(2 * settings_.zones.size());
  const Duration affordable = from_seconds(std::max(least, list_cost_.load()) / calls_per_second);
  abilities.list_interval = std::max(settings_.list_interval, affordable);
  abilities.list_interval_moving = std::max(settings_.list_interval_moving, affordable);
  return abilities;
}

Result<std::vector<InstanceReport>> GceProvider::list() {
  take_settings();
  if (const Result<void> found = find_project(); !found) return found.error();
  const uint64_t calls_before = transport_.calls();
  Result<std::vector<InstanceReport>> listed = list_zones();
  if (listed) {
    // Some lists also read the groups themselves, so the cost goes up at once and down slowly.
    const auto cost = static_cast<uint32_t>(transport_.calls() - calls_before);
    list_cost_ = std::max({cost, list_cost_.load() * 3 / 4, uint32_t{1}});
  }
  return listed;
}

// A group that is not there has no instances to be surprised by, and neither has a zone that was
// listed before.
bool GceProvider::is_excused(const Zone& zone, const Error& error) const {
  if (error.code == ErrorCode::not_found) return true;
  return zone.was_listed && zone.failing_since && clock_.now() - *zone.failing_since >= kZoneGrace;
}

Result<std::vector<InstanceReport>> GceProvider::list_zones() {
  // Those that fail come last: their failure makes the API's other calls wait.
  std::vector<Zone*> order;
  for (const auto& zone : zones_) order.push_back(zone.get());
  std::stable_partition(order.begin(), order.end(),
                        [](const Zone* zone) { return !zone->failing_since; });
  std::vector<InstanceReport> all;
  std::optional<Error> first_error;
  std::optional<Error> unexcused;
  size_t answered = 0;
  for (Zone* zone : order) {
    Result<std::vector<InstanceReport>> listed = zone->group.list(*api_);
    if (listed) {
      ++answered;
      zone->failing_since.reset();
      zone->was_listed = true;
      zone->last = std::move(*listed);
    } else {
      if (!first_error) first_error = listed.error();
      if (!zone->failing_since) zone->failing_since = clock_.now();
      const bool is_excused_now = is_excused(*zone, listed.error());
      if (!is_excused_now && !unexcused) unexcused = listed.error();
      spdlog::debug("pool {}: zone {}: {}", in_use_.pool, zone->group.zone(),
                    listed.error().detail);
    }
    all.insert(all.end(), zone->last.begin(), zone->last.end());
  }
  if (answered == 0 && first_error) return std::move(*first_error);
  if (unexcused) return std::move(*unexcused);
  std::erase_if(zones_,
                [](const auto& zone) { return !zone->is_configured && zone->last.empty(); });
  return all;
}

Result<void> GceProvider::change(const InstanceCall& call, Change verb) {
  take_settings();
  if (const Result<void> found = find_project(); !found) return found;
  for (const std::string& name : call.names) {
    if (!is_gce_name(name)) {
      return make_error(ErrorCode::invalid_argument, "\"" + name + "\" is no instance's name");
    }
  }
  if (call.names.empty()) return {};
  Zone* zone = find_zone(call.zone);
  // What an earlier run made where this one makes nothing is to be removed nevertheless.
  if (zone == nullptr && verb == &GceGroup::remove && is_gce_name(call.zone)) {
    zone = &add_zone(in_use_, call.zone);
  }
  if (zone != nullptr) return (zone->group.*verb)(*api_, call);
  return make_error(ErrorCode::misconfigured, "zone \"" + call.zone + "\" is not configured");
}

Result<void> GceProvider::create(const InstanceCall& call) {
  return change(call, &GceGroup::create);
}

Result<void> GceProvider::remove(const InstanceCall& call) {
  return change(call, &GceGroup::remove);
}

Result<void> GceProvider::stop(const InstanceCall& call) { return change(call, &GceGroup::stop); }

Result<void> GceProvider::start(const InstanceCall& call) { return change(call, &GceGroup::start); }

std::vector<CheckFinding> GceProvider::check_online() {
  take_settings();
  return check_gce(in_use_, transport_);
}

}  // namespace flaskscale::scaler
