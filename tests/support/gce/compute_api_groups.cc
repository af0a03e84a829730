// The methods of instance group managers, zonal and regional.
#include <algorithm>
#include <charconv>
#include <utility>

#include "tests/support/gce/compute_api.h"

namespace flaskscale::emulator {
namespace {

constexpr size_t kInstancesPerCall = 1000;

bool is_name(const std::string& name) {
  const auto low = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.empty() || name.size() > 63 || !low(name.front()) || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return low(c) || digit(c) || c == '-'; });
}

std::string last_part(const std::string& url) { return url.substr(url.rfind('/') + 1); }

// The zone and name of ".../zones/Z/instances/N"; an empty name: it is no such URL.
std::pair<std::string, std::string> place_of(const std::string& url) {
  constexpr std::string_view kZones = "zones/";
  const size_t at = url.find(kZones);
  if (at == std::string::npos || (at > 0 && url[at - 1] != '/')) return {};
  const size_t zone_end = url.find('/', at + kZones.size());
  constexpr std::string_view kInstances = "/instances/";
  if (zone_end == std::string::npos || url.compare(zone_end, kInstances.size(), kInstances) != 0) {
    return {};
  }
  const std::string name = url.substr(zone_end + kInstances.size());
  if (!is_name(name)) return {};
  return {url.substr(at + kZones.size(), zone_end - at - kZones.size()), name};
}

std::string target_of(const Group& group) {
  return ResourceWriter::scope_of(group) + "/instanceGroupManagers/" + group.name;
}

}  // namespace

ComputeApi::GroupHandler ComputeApi::group_handler(const std::string& verb) const {
  using Self = ComputeApi;
  static const std::map<std::string, GroupHandler, std::less<>> handlers = {
      {"get", &Self::group_get},
      {"listErrors", &Self::group_errors},
      {"listManagedInstances", &Self::group_members},
      {"createInstances", &Self::group_create},
      {"deleteInstances", &Self::group_delete},
      {"abandonInstances", &Self::group_abandon},
      {"recreateInstances", &Self::group_recreate},
      {"applyUpdatesToInstances", &Self::group_apply},
      {"stopInstances", &Self::group_stop},
      {"suspendInstances", &Self::group_stop},
      {"startInstances", &Self::group_start},
      {"resumeInstances", &Self::group_start},
      {"resize", &Self::group_resize},
      {"patch", &Self::group_patch},
  };
  const auto found = handlers.find(verb);
  return found == handlers.end() ? nullptr : found->second;
}

ApiAnswer ComputeApi::on_group(const ApiCall& call, const std::string& verb) {
  const GroupHandler known = group_handler(verb);
  if (known == nullptr) {
    return ApiError{501, "notImplemented", call.method->id + " is not emulated", ""};
  }
  const std::string zone = call.variable("zone");
  const std::string name = call.variable("instanceGroupManager");
  Group* group = keeper_.find(zone.empty() ? call.variable("region") : zone, name);
  if (group == nullptr || group->regional != zone.empty()) {
    return not_found("projects/" + settings_.project + "/" + scope_of(call) +
                     "/instanceGroupManagers/" + name);
  }
  return (this->*known)(call, *group);
}

ApiAnswer ComputeApi::group_get(const ApiCall&, Group& group) { return writer_.group(group); }

ApiAnswer ComputeApi::group_list(const ApiCall& call) {
  const bool regional = call.variable("zone").empty();
  const std::string place = regional ? call.variable("region") : call.variable("zone");
  Json rows = Json::array();
  for (auto& [key, group] : keeper_.groups()) {
    const bool here = group.there && group.location == place && group.regional == regional;
    if (here) rows.push_back(writer_.group(group));
  }
  const char* kind =
      regional ? "compute#regionInstanceGroupManagerList" : "compute#instanceGroupManagerList";
  const std::string path = scope_of(call) + "/instanceGroupManagers";
  return page(call, "", std::move(rows), "items",
              {{"kind", kind},
               {"id", "projects/" + settings_.project + "/" + path},
               {"selfLink", writer_.url(path)}},
              Paging::on);
}

ApiAnswer ComputeApi::group_aggregated(const ApiCall&) {
  Json scopes = Json::object();
  for (auto& [key, group] : keeper_.groups()) {
    if (!group.there) continue;
    Json& list = scopes[ResourceWriter::scope_of(group)]["instanceGroupManagers"];
    if (list.is_null()) list = Json::array();
    list.push_back(writer_.group(group));
  }
  return Json{{"kind", "compute#instanceGroupManagerAggregatedList"},
              {"id", "projects/" + settings_.project + "/aggregated/instanceGroupManagers"},
              {"items", std::move(scopes)},
              {"selfLink", writer_.url("aggregated/instanceGroupManagers")}};
}

ApiAnswer ComputeApi::group_errors(const ApiCall& call, Group& group) {
  Json rows = Json::array();
  for (const GroupError& error : group.errors) rows.push_back(writer_.group_error(group, error));
  return page(call, "", std::move(rows), "items", Json::object(), Paging::on);
}

Json ComputeApi::rows_of(Group& group) {
  Json rows = Json::array();
  for (const auto& [name, member] : group.members) {
    rows.push_back(writer_.member(group, member, keeper_.machine_of(group, member)));
  }
  return rows;
}

ApiAnswer ComputeApi::group_members(const ApiCall& call, Group& group) {
  Json rows = rows_of(group);
  remember(group.key(), rows);
  return page(call, group.key(), std::move(rows), "managedInstances", Json::object(),
              group.paginated ? Paging::on : Paging::off);
}

ApiAnswer ComputeApi::group_create(const ApiCall& call, Group& group) {
  const Json& instances = call.body.contains("instances") ? call.body["instances"] : Json::array();
  if (instances.empty()) {
    return ApiError{400, "required", "Required field 'instances' not specified", ""};
  }
  if (instances.size() > kInstancesPerCall) return invalid("Too many instances in one request");
  Names names;
  for (const Json& instance : instances) {
    const std::string name = text_of(instance, "name");
    if (!is_name(name)) return invalid("Invalid value for field 'instances.name': '" + name + "'");
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return invalid("Instance '" + name + "' is named twice");
    }
    names.push_back(name);
  }
  remember(group.key(), rows_of(group));
  return begin(call, "compute.instanceGroupManagers.createInstances", target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 if (!templates_.contains(group.template_name)) {
                   return Rejection{"RESOURCE_NOT_FOUND",
                                    "The resource 'projects/" + settings_.project +
                                        "/global/instanceTemplates/" + group.template_name +
                                        "' was not found",
                                    404, "notFound", true};
                 }
                 return keeper_.create(group, names);
               });
}

ComputeApi::Chosen ComputeApi::chosen(const ApiCall& call, Group& group, Unfit unfit) {
  const Json& instances = call.body.contains("instances") ? call.body["instances"] : Json::array();
  Chosen result;
  if (instances.empty()) {
    result.error = ApiError{400, "required", "Required field 'instances' not specified", ""};
    return result;
  }
  if (instances.size() > kInstancesPerCall) {
    result.error = invalid("Too many instances in one request");
    return result;
  }
  size_t bare = 0;
  for (const Json& each : instances) {
    const std::string text = each.get<std::string>();
    const bool is_bare = text.find('/') == std::string::npos;
    bare += is_bare ? 1 : 0;
    const auto [zone, name] = is_bare ? std::pair(std::string(), text) : place_of(text);
    const bool elsewhere =
        !is_bare && std::find(group.zones.begin(), group.zones.end(), zone) == group.zones.end();
    if (!is_name(name) || elsewhere) {
      result.error = invalid("Invalid value for field 'instances': '" + text + "'");
      return result;
    }
    const Member* member = group.find(name);
    const bool fit = member != nullptr && member->action != Action::deleting_;
    if (fit) {
      result.names.push_back(name);
    } else if (unfit == Unfit::refused) {
      result.error = invalid("Instance '" + name +
                             "' is not a member of the group, or is being "
                             "deleted");
      return result;
    }
  }
  if (bare != 0 && bare != instances.size()) {
    result.error = invalid("Names and URLs of instances must not be mixed");
  }
  return result;
}

ApiAnswer ComputeApi::group_delete(const ApiCall& call, Group& group) {
  const bool skips = flag_of(call.body, "skipInstancesOnValidationError");
  const Chosen members = chosen(call, group, skips ? Unfit::skipped : Unfit::refused);
  if (members.error) return *members.error;
  remember(group.key(), rows_of(group));
  return begin(call, "compute.instanceGroupManagers.deleteInstances", target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 keeper_.remove(group, members.names);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::group_abandon(const ApiCall& call, Group& group) {
  const Chosen members = chosen(call, group, Unfit::refused);
  if (members.error) return *members.error;
  return begin(call, "compute.instanceGroupManagers.abandonInstances", target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 keeper_.abandon(group, members.names);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::group_recreate(const ApiCall& call, Group& group) {
  const Chosen members = chosen(call, group, Unfit::refused);
  if (members.error) return *members.error;
  return begin(call, "compute.instanceGroupManagers.recreateInstances", target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 keeper_.recreate(group, members.names);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::group_apply(const ApiCall& call, Group& group) {
  Chosen members;
  if (flag_of(call.body, "allInstances")) {
    for (const auto& [name, member] : group.members) members.names.push_back(name);
  } else {
    members = chosen(call, group, Unfit::refused);
  }
  if (members.error) return *members.error;
  const std::string least = text_of(call.body, "minimalAction", "NONE");
  const std::string most = text_of(call.body, "mostDisruptiveAllowedAction", "REPLACE");
  return begin(call, "compute.instanceGroupManagers.applyUpdatesToInstances", target_of(group),
               group.id, [&]() -> std::optional<Rejection> {
                 const auto outdated = [&](const std::string& name) {
                   return group.find(name)->template_name != group.template_name;
                 };
                 for (const std::string& name : members.names) {
                   if (least == "REPLACE" || (outdated(name) && most == "REPLACE")) {
                     keeper_.recreate(group, {name});
                   } else if (least == "RESTART") {
                     keeper_.restart(group, {name});
                   } else if (least == "REFRESH") {
                     keeper_.refresh(group, {name});
                   }
                 }
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::group_stop(const ApiCall& call, Group& group) {
  const Chosen members = chosen(call, group, Unfit::refused);
  if (members.error) return *members.error;
  for (const std::string& name : members.names) {
    const Machine* machine = keeper_.machine_of(group, *group.find(name));
    if (machine == nullptr || machine->status != MachineStatus::running) {
      return ApiError{412, "conditionNotMet", "Instance '" + name + "' is not running", ""};
    }
  }
  const bool suspends = call.method->id.ends_with("suspendInstances");
  const bool forced = flag_of(call.body, suspends ? "forceSuspend" : "forceStop");
  const auto delay = forced ? GroupKeeper::Delay::none : GroupKeeper::Delay::by_policy;
  return begin(call, call.method->id, target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 if (suspends) {
                   keeper_.suspend(group, members.names, delay);
                 } else {
                   keeper_.stop(group, members.names, delay);
                 }
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::group_start(const ApiCall& call, Group& group) {
  const Chosen members = chosen(call, group, Unfit::refused);
  if (members.error) return *members.error;
  const bool resumes = call.method->id.ends_with("resumeInstances");
  const auto wanted = resumes ? MachineStatus::suspended : MachineStatus::terminated;
  for (const std::string& name : members.names) {
    const Machine* machine = keeper_.machine_of(group, *group.find(name));
    if (machine == nullptr || machine->status != wanted) {
      return ApiError{412, "conditionNotMet",
                      "Instance '" + name + "' is not " + std::string(to_text(wanted)), ""};
    }
  }
  return begin(call, call.method->id, target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 keeper_.start(group, members.names);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::group_resize(const ApiCall& call, Group& group) {
  const std::string_view text = call.url->parameter("size");
  int size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc{} || end != text.data() + text.size() || size < 0) {
    return invalid("Invalid value for field 'size'");
  }
  return begin(call, "compute.instanceGroupManagers.resize", target_of(group), group.id,
               [&]() -> std::optional<Rejection> {
                 keeper_.resize(group, size);
                 return std::nullopt;
               });
}

std::optional<ApiError> ComputeApi::patch_policies(const Json& body, Group& group) {
  if (body.contains("updatePolicy")) {
    const Json& policy = body["updatePolicy"];
    group.update_type = text_of(policy, "type", group.update_type);
    group.replacement = text_of(policy, "replacementMethod", group.replacement);
    group.minimal_action = text_of(policy, "minimalAction", group.minimal_action);
  }
  if (body.contains("standbyPolicy")) {
    const Json& policy = body["standbyPolicy"];
    const int delay = static_cast<int>(number_of(policy, "initialDelaySec", group.standby_delay));
    if (delay < 0 || delay > 3600) return invalid("Invalid value for 'initialDelaySec'");
    group.standby_mode = text_of(policy, "mode", group.standby_mode);
    group.standby_delay = delay;
  }
  if (body.contains("instanceLifecyclePolicy")) {
    const std::string action =
        text_of(body["instanceLifecyclePolicy"], "defaultActionOnFailure", "REPAIR");
    group.repairs = action != "DO_NOTHING";
  }
  if (body.contains("listManagedInstancesResults")) {
    group.paginated = text_of(body, "listManagedInstancesResults") == "PAGINATED";
  }
  if (body.contains("autoHealingPolicies")) {
    group.autohealing = !body["autoHealingPolicies"].empty();
  }
  if (body.contains("allInstancesConfig")) {
    group.all_instances_config = body["allInstancesConfig"];
  }
  return std::nullopt;
}

ApiAnswer ComputeApi::group_patch(const ApiCall& call, Group& group) {
  if (call.body.contains("fingerprint") &&
      text_of(call.body, "fingerprint") != ResourceWriter::fingerprint(group.version)) {
    return ApiError{412, "conditionNotMet",
                    "Supplied fingerprint does not match current metadata fingerprint.", ""};
  }
  std::string wanted = text_of(call.body, "instanceTemplate");
  if (call.body.contains("versions") && !call.body["versions"].empty()) {
    wanted = text_of(call.body["versions"][0], "instanceTemplate", wanted);
  }
  wanted = last_part(wanted);
  if (!wanted.empty() && !templates_.contains(wanted)) {
    return not_found("projects/" + settings_.project + "/global/instanceTemplates/" + wanted);
  }
  Group changed = group;
  if (auto error = patch_policies(call.body, changed)) return *error;
  return begin(call, "patch", target_of(group), group.id, [&]() -> std::optional<Rejection> {
    changed.description = text_of(call.body, "description", changed.description);
    ++changed.version;
    group = std::move(changed);
    if (!wanted.empty()) keeper_.use_template(group, wanted);
    if (call.body.contains("targetSize")) {
      keeper_.resize(group, static_cast<int>(number_of(call.body, "targetSize")));
    }
    return std::nullopt;
  });
}

}  // namespace flaskscale::emulator
