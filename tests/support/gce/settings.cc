#include "tests/support/gce/settings.h"

#include <array>
#include <utility>

namespace flaskscale::emulator {
namespace {

using NamedTiming = std::pair<const char*, double Timings::*>;

constexpr std::array<NamedTiming, 22> kTimings{{
    {"create_delay", &Timings::create_delay},
    {"provisioning", &Timings::provisioning},
    {"staging", &Timings::staging},
    {"boot", &Timings::boot},
    {"pull", &Timings::pull},
    {"start", &Timings::start},
    {"resume", &Timings::resume},
    {"stopping", &Timings::stopping},
    {"shutdown", &Timings::shutdown},
    {"suspending", &Timings::suspending},
    {"retry", &Timings::retry},
    {"notice_least", &Timings::notice_least},
    {"notice_most", &Timings::notice_most},
    {"abandon", &Timings::abandon},
    {"suspended_most", &Timings::suspended_most},
    {"operation_pending", &Timings::operation_pending},
    {"operation_running", &Timings::operation_running},
    {"operation_kept", &Timings::operation_kept},
    {"request_id_kept", &Timings::request_id_kept},
    {"wait_most", &Timings::wait_most},
    {"wait_early_share", &Timings::wait_early_share},
    {"jitter", &Timings::jitter},
}};

std::optional<std::string> merge_timings(Timings& timings, const Json& changes) {
  for (const auto& [name, value] : changes.items()) {
    bool known = false;
    for (const auto& [own, member] : kTimings) {
      if (name != own) continue;
      if (!value.is_number() || value.get<double>() < 0) return "timing " + name + " is no number";
      timings.*member = value.get<double>();
      known = true;
    }
    if (!known) return "unknown timing " + name;
  }
  return std::nullopt;
}

// null: no limit.
bool read_limit(const Json& value, std::optional<uint32_t>& limit) {
  if (value.is_null()) {
    limit.reset();
    return true;
  }
  if (!value.is_number_unsigned()) return false;
  limit = value.get<uint32_t>();
  return true;
}

bool read_texts(const Json& value, std::vector<std::string>& texts) {
  if (!value.is_array()) return false;
  std::vector<std::string> read;
  for (const Json& each : value) {
    if (!each.is_string()) return false;
    read.push_back(each.get<std::string>());
  }
  texts = std::move(read);
  return true;
}

bool read_collision(const Json& value, Collision& collision) {
  if (value == "operation") collision = Collision::operation;
  if (value == "http") collision = Collision::http;
  if (value == "last_attempt") collision = Collision::last_attempt;
  return value == "operation" || value == "http" || value == "last_attempt";
}

const char* to_text(Collision collision) {
  switch (collision) {
    case Collision::operation:
      return "operation";
    case Collision::http:
      return "http";
    case Collision::last_attempt:
      break;
  }
  return "last_attempt";
}

bool read_hosts(const Json& value, UrlHosts& hosts) {
  if (value == "mixed") hosts = UrlHosts::mixed;
  if (value == "one") hosts = UrlHosts::one;
  if (value == "self") hosts = UrlHosts::self;
  return value == "mixed" || value == "one" || value == "self";
}

const char* to_text(UrlHosts hosts) {
  switch (hosts) {
    case UrlHosts::mixed:
      return "mixed";
    case UrlHosts::one:
      return "one";
    case UrlHosts::self:
      break;
  }
  return "self";
}

bool read_flag(const Json& value, bool& flag) {
  if (value.is_boolean()) flag = value.get<bool>();
  return value.is_boolean();
}

bool read_capacity(const Json& value, Settings& settings) {
  if (!value.is_object()) return false;
  for (const auto& [zone, limit] : value.items()) {
    if (!limit.is_object() || !limit.contains("left")) return false;
    if (!read_limit(limit["left"], settings.capacity_left[zone])) return false;
  }
  return true;
}

// None: no such name.
std::optional<bool> read_switch(const std::string& name, const Json& value, Settings& settings) {
  if (name == "url_hosts") return read_hosts(value, settings.url_hosts);
  if (name == "extra") return read_flag(value, settings.extra);
  if (name == "check_all") return read_flag(value, settings.check_all);
  if (name == "authenticate") return read_flag(value, settings.authenticate);
  if (name == "new_address_on_repair") return read_flag(value, settings.new_address_on_repair);
  if (name == "collision") return read_collision(value, settings.collision);
  if (name == "foreign_collision") return read_collision(value, settings.foreign_collision);
  return std::nullopt;
}

std::optional<bool> read_value(const std::string& name, const Json& value, Settings& settings) {
  if (const auto read = read_switch(name, value, settings)) return read;
  if (name == "capacity") return read_capacity(value, settings);
  if (name == "permissions") return read_texts(value, settings.permissions);
  if (name == "scopes") return read_texts(value, settings.scopes);
  if (name == "quota") {
    return value.is_object() && value.contains("instances_left") &&
           read_limit(value["instances_left"], settings.instances_left);
  }
  if (name == "requests_per_minute" && value.is_number_unsigned()) {
    settings.requests_per_minute = value.get<uint32_t>();
    return true;
  }
  if (name == "request_id_conflict" && value.is_number_unsigned()) {
    settings.request_id_conflict = value.get<int>();
    return true;
  }
  if (name == "token_seconds" && value.is_number()) {
    settings.token_seconds = value.get<double>();
    return true;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> Settings::least_permissions() {
  return {"compute.instanceGroupManagers.get",
          "compute.instanceGroupManagers.list",
          "compute.instanceGroupManagers.update",
          "compute.instances.get",
          "compute.instances.list",
          "compute.instanceTemplates.get",
          "compute.zoneOperations.get",
          "compute.zoneOperations.list",
          "compute.regionOperations.get",
          "compute.globalOperations.get",
          "compute.zones.get",
          "compute.regions.get",
          "compute.autoscalers.get",
          "compute.autoscalers.list"};
}

std::optional<std::string> Settings::merge(const Json& changes) {
  if (!changes.is_object()) return "settings are no object";
  for (const auto& [name, value] : changes.items()) {
    if (name == "timings" && value.is_object()) {
      if (auto problem = merge_timings(timings, value)) return problem;
      continue;
    }
    if (!read_value(name, value, *this).value_or(false)) {
      return "unknown setting or wrong value: " + name;
    }
  }
  return std::nullopt;
}

Json Settings::to_json() const {
  Json written = {{"url_hosts", to_text(url_hosts)},
                  {"extra", extra},
                  {"check_all", check_all},
                  {"authenticate", authenticate},
                  {"new_address_on_repair", new_address_on_repair},
                  {"collision", to_text(collision)},
                  {"foreign_collision", to_text(foreign_collision)},
                  {"requests_per_minute", requests_per_minute},
                  {"request_id_conflict", request_id_conflict},
                  {"token_seconds", token_seconds},
                  {"permissions", permissions},
                  {"scopes", scopes},
                  {"capacity", Json::object()},
                  {"timings", Json::object()}};
  for (const auto& [name, member] : kTimings) written["timings"][name] = timings.*member;
  for (const auto& [zone, left] : capacity_left) {
    written["capacity"][zone]["left"] = left ? Json(*left) : Json();
  }
  written["quota"]["instances_left"] = instances_left ? Json(*instances_left) : Json();
  return written;
}

}  // namespace flaskscale::emulator
