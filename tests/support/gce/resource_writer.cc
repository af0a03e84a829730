#include "tests/support/gce/resource_writer.h"

#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

namespace flaskscale::emulator {
namespace {

constexpr const char* kHosts[] = {"https://www.googleapis.com/compute/v1/",
                                  "https://compute.googleapis.com/compute/v1/",
                                  "https://www.googleapis.com/compute/beta/"};

uint64_t number_from(const std::string& text) {
  uint64_t hash = 1'469'598'103'934'665'603ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  return hash >> 2U;
}

Json counters(const Group& group) {
  Json counted = Json::object();
  for (const ActionWords& words : kActions) counted[words.counter] = group.count(words.action);
  counted["creatingWithoutRetries"] = 0;
  return counted;
}

const char* status_word(Operation::Status status) {
  switch (status) {
    case Operation::Status::pending:
      return "PENDING";
    case Operation::Status::running:
      return "RUNNING";
    case Operation::Status::done:
      break;
  }
  return "DONE";
}

const char* http_words(int status) {
  if (status == 412) return "PRECONDITION FAILED";
  if (status == 409) return "CONFLICT";
  if (status == 404) return "NOT FOUND";
  if (status == 403) return "FORBIDDEN";
  if (status == 503) return "SERVICE UNAVAILABLE";
  return "BAD REQUEST";
}

}  // namespace

ResourceWriter::ResourceWriter(const Settings& settings, const Timeline& timeline, double wall_base)
    : settings_(settings), timeline_(timeline), wall_base_(wall_base) {}

std::string ResourceWriter::url(const std::string& rest) {
  std::string base = settings_.api_base;
  if (settings_.url_hosts == UrlHosts::one) base = kHosts[0];
  if (settings_.url_hosts == UrlHosts::mixed) base = kHosts[urls_++ % 3];
  return base + "projects/" + settings_.project + "/" + rest;
}

std::string ResourceWriter::stamp(double at) const {
  const double wall = wall_base_ + at - 8 * 3600;
  const auto seconds = static_cast<std::time_t>(std::floor(wall));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char day[40];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%s.%03d-08:00", day,
                static_cast<int>((wall - std::floor(wall)) * 1000));
  return text;
}

std::string ResourceWriter::fingerprint(uint64_t version) {
  constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint64_t mixed = (version + 77) * 0x9E3779B97F4A7C15ULL;
  std::string text;
  for (int i = 0; i < 11; ++i, mixed >>= 5U) text += kLetters[mixed & 63U];
  return text + "=";
}

std::string ResourceWriter::region_of(const std::string& zone) {
  return zone.substr(0, zone.rfind('-'));
}

std::string ResourceWriter::scope_of(const Group& group) {
  return (group.regional ? "regions/" : "zones/") + group.location;
}

std::string ResourceWriter::template_url(const std::string& name) {
  return url("global/instanceTemplates/" + name);
}

Json ResourceWriter::group(const Group& group) {
  const std::string scope = scope_of(group);
  Json written = {
      {"kind", "compute#instanceGroupManager"},
      {"id", std::to_string(group.id)},
      {"creationTimestamp", stamp(group.created)},
      {"name", group.name},
      {"description", group.description},
      {group.regional ? "region" : "zone", url(scope)},
      {"instanceTemplate", template_url(group.template_name)},
      {"versions", Json::array({{{"instanceTemplate", template_url(group.template_name)},
                                 {"targetSize", {{"calculated", group.target_size}}}}})},
      {"instanceGroup", url(scope + "/instanceGroups/" + group.name)},
      {"fingerprint", fingerprint(group.version)},
      {"baseInstanceName", group.base_name},
      {"currentActions", counters(group)},
      {"targetSize", group.target_size},
      {"targetStoppedSize", group.target_stopped},
      {"targetSuspendedSize", group.target_suspended},
      {"selfLink", url(scope + "/instanceGroupManagers/" + group.name)},
  };
  Json status = {{"isStable", group.is_stable()},
                 {"stateful",
                  {{"hasStatefulConfig", false}, {"perInstanceConfigs", {{"allEffective", true}}}}},
                 {"versionTarget", {{"isReached", group.is_stable()}}}};
  if (group.has_autoscaler) status["autoscaler"] = url(scope + "/autoscalers/" + group.name);
  written["status"] = std::move(status);
  add_policies(group, written);
  if (settings_.extra) {
    written["serviceAccount"] =
        std::to_string(settings_.project_number) + "@cloudservices.gserviceaccount.com";
    written["targetSizePolicy"] = {{"mode", "INDIVIDUAL"}};
    written["status"]["currentInstanceStatuses"] = {{"running", group.count(Action::none)}};
  }
  return written;
}

void ResourceWriter::add_policies(const Group& group, Json& written) {
  written["updatePolicy"] = {{"type", group.update_type},
                             {"minimalAction", group.minimal_action},
                             {"replacementMethod", group.replacement},
                             {"maxSurge", {{"fixed", 1}, {"calculated", 1}}},
                             {"maxUnavailable", {{"fixed", 1}, {"calculated", 1}}}};
  written["standbyPolicy"] = {{"mode", group.standby_mode},
                              {"initialDelaySec", group.standby_delay}};
  written["instanceLifecyclePolicy"] = {
      {"defaultActionOnFailure", group.repairs ? "REPAIR" : "DO_NOTHING"},
      {"forceUpdateOnRepair", "NO"}};
  written["listManagedInstancesResults"] = group.paginated ? "PAGINATED" : "PAGELESS";
  if (group.autohealing) {
    written["autoHealingPolicies"] = Json::array(
        {{{"healthCheck", url("global/healthChecks/" + group.name)}, {"initialDelaySec", 300}}});
  }
  if (!group.all_instances_config.is_null()) {
    written["allInstancesConfig"] = group.all_instances_config;
  }
}

Json ResourceWriter::errors_of(const std::vector<LaunchError>& errors,
                               const std::string& zone) const {
  Json list = Json::array();
  for (const LaunchError& error : errors) {
    Json written = {{"code", error.code}, {"message", error.message}};
    Json detail;
    if (error.code.find("EXHAUSTED") != std::string::npos) {
      detail["errorInfo"] = {
          {"domain", "compute.googleapis.com"},
          {"reason", "resource_availability"},
          {"metadatas",
           {{"zone", zone}, {"vmType", "e2-small"}, {"attachment", ""}, {"zonesAvailable", ""}}}};
    }
    if (error.code.find("QUOTA") != std::string::npos) {
      detail["quotaInfo"] = {{"limit", 24.0},
                             {"limitName", "CPUS-per-project-region"},
                             {"metricName", "compute.googleapis.com/cpus"},
                             {"dimensions", {{"region", region_of(zone)}}}};
    }
    if (!detail.is_null()) written["errorDetails"] = Json::array({std::move(detail)});
    list.push_back(std::move(written));
  }
  return {{"errors", std::move(list)}};
}

Json ResourceWriter::member(const Group&, const Member& member, const Machine* machine) {
  Json written = {{"name", member.name},
                  {"instance", url("zones/" + member.zone + "/instances/" + member.name)},
                  {"currentAction", std::string(to_text(member.action))},
                  {"version", {{"instanceTemplate", template_url(member.template_name)}}}};
  if (machine != nullptr) {
    written["id"] = std::to_string(machine->id);
    written["instanceStatus"] = std::string(to_text(machine->status));
  }
  if (!member.errors.empty()) {
    written["lastAttempt"] = {{"errors", errors_of(member.errors, member.zone)}};
  }
  if (settings_.extra) {
    written["targetStatus"] = "RUNNING";
    written["scheduling"] = {{"terminationTimestamp", ""}};
  }
  return written;
}

Json ResourceWriter::machine(const Machine& machine) {
  const std::string zone = "zones/" + machine.zone;
  Json labels = Json::object();
  for (const auto& [name, value] : machine.labels) labels[name] = value;
  Json metadata = {{"kind", "compute#metadata"}, {"fingerprint", fingerprint(machine.id)}};
  if (!machine.group.empty()) {
    const size_t slash = machine.group.find('/');
    metadata["items"] =
        Json::array({{{"key", "instance-template"},
                      {"value", "projects/" + std::to_string(settings_.project_number) +
                                    "/global/instanceTemplates/" + machine.template_name}},
                     {{"key", "created-by"},
                      {"value", "projects/" + std::to_string(settings_.project_number) + "/zones/" +
                                    machine.group.substr(0, slash) + "/instanceGroupManagers/" +
                                    machine.group.substr(slash + 1)}}});
  }
  Json written = {{"kind", "compute#instance"},
                  {"id", std::to_string(machine.id)},
                  {"creationTimestamp", stamp(machine.created)},
                  {"name", machine.name},
                  {"status", std::string(to_text(machine.status))},
                  {"zone", url(zone)},
                  {"machineType", url(zone + "/machineTypes/e2-small")},
                  {"metadata", std::move(metadata)},
                  {"tags", {{"fingerprint", "42WmSpB8rSM="}}},
                  {"labels", std::move(labels)},
                  {"labelFingerprint", fingerprint(machine.labels.size())},
                  {"scheduling",
                   {{"automaticRestart", true},
                    {"onHostMaintenance", "MIGRATE"},
                    {"preemptible", false},
                    {"provisioningModel", "STANDARD"}}},
                  {"selfLink", url(zone + "/instances/" + machine.name)}};
  Json interface = {{"kind", "compute#networkInterface"},
                    {"name", "nic0"},
                    {"network", url("global/networks/default")},
                    {"stackType", "IPV4_ONLY"}};
  if (!machine.address.empty()) interface["networkIP"] = machine.address;
  written["networkInterfaces"] = Json::array({std::move(interface)});
  if (settings_.extra) written["resourceStatus"] = {{"shutdownDetails", {{"stopState", "NONE"}}}};
  return written;
}

Json ResourceWriter::operation(const Operation& operation) {
  const Operation::Status status = operation.status(timeline_.now());
  Json written = {{"kind", "compute#operation"},
                  {"id", std::to_string(operation.id)},
                  {"name", operation.name},
                  {"operationType", operation.type},
                  {"status", status_word(status)},
                  {"progress", status == Operation::Status::done ? 100 : 0},
                  {"insertTime", stamp(operation.inserted)},
                  {"user", "flaskscale@" + settings_.project + ".iam.gserviceaccount.com"},
                  {"targetLink", url(operation.target)},
                  {"targetId", std::to_string(operation.target_id)},
                  {"selfLink", url(operation.scope + "/operations/" + operation.name)}};
  if (operation.scope.starts_with("zones/")) written["zone"] = url(operation.scope);
  if (operation.scope.starts_with("regions/")) written["region"] = url(operation.scope);
  if (status != Operation::Status::pending) written["startTime"] = stamp(operation.starts);
  if (status != Operation::Status::done) return written;
  written["endTime"] = stamp(operation.ends);
  if (operation.error) {
    const std::string zone = operation.scope.substr(operation.scope.find('/') + 1);
    written["error"] = errors_of({*operation.error}, zone);
    written["httpErrorStatusCode"] = operation.http_status;
    written["httpErrorMessage"] = http_words(operation.http_status);
  }
  return written;
}

Json ResourceWriter::zone(const std::string& zone) {
  return {{"kind", "compute#zone"},
          {"id", std::to_string(number_from(zone))},
          {"creationTimestamp", stamp(0)},
          {"name", zone},
          {"description", zone},
          {"status", "UP"},
          {"region", url("regions/" + region_of(zone))},
          {"selfLink", url("zones/" + zone)}};
}

Json ResourceWriter::region(const std::string& region, const std::vector<std::string>& zones) {
  Json written = {{"kind", "compute#region"},      {"id", std::to_string(number_from(region))},
                  {"creationTimestamp", stamp(0)}, {"name", region},
                  {"description", region},         {"status", "UP"},
                  {"zones", Json::array()},        {"selfLink", url("regions/" + region)}};
  for (const std::string& zone : zones) {
    if (region_of(zone) == region) written["zones"].push_back(url("zones/" + zone));
  }
  written["quotas"] = Json::array({{{"metric", "CPUS"}, {"limit", 24.0}, {"usage", 0.0}},
                                   {{"metric", "INSTANCES"}, {"limit", 720.0}, {"usage", 0.0}}});
  return written;
}

Json ResourceWriter::instance_template(const std::string& name, const std::string& region) {
  const std::string scope = region.empty() ? "global" : "regions/" + region;
  Json written = {{"kind", "compute#instanceTemplate"},
                  {"id", std::to_string(number_from(name))},
                  {"creationTimestamp", stamp(0)},
                  {"name", name},
                  {"description", ""},
                  {"properties",
                   {{"machineType", "e2-small"},
                    {"scheduling", {{"provisioningModel", "STANDARD"}, {"preemptible", false}}}}},
                  {"selfLink", url(scope + "/instanceTemplates/" + name)}};
  if (!region.empty()) written["region"] = url("regions/" + region);
  return written;
}

Json ResourceWriter::autoscaler(const Group& group) {
  const std::string scope = scope_of(group);
  return {{"kind", "compute#autoscaler"},
          {"id", std::to_string(number_from(group.key()))},
          {"creationTimestamp", stamp(0)},
          {"name", group.name},
          {"status", "ACTIVE"},
          {"target", url(scope + "/instanceGroupManagers/" + group.name)},
          {group.regional ? "region" : "zone", url(scope)},
          {"selfLink", url(scope + "/autoscalers/" + group.name)}};
}

Json ResourceWriter::group_error(const Group& group, const GroupError& error) {
  const std::string zone = group.regional ? group.zones.front() : group.location;
  return {{"error", {{"code", error.error.code}, {"message", error.error.message}}},
          {"instanceActionDetails",
           {{"action", std::string(to_text(error.action))},
            {"instance", url("zones/" + zone + "/instances/" + error.instance)},
            {"version", {{"instanceTemplate", template_url(group.template_name)}}}}},
          {"timestamp", stamp(error.at)}};
}

}  // namespace flaskscale::emulator
