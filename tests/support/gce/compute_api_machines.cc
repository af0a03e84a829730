// The methods of instances, templates, places and autoscalers.
#include <utility>

#include "tests/support/gce/compute_api.h"

namespace flaskscale::emulator {

Machine* ComputeApi::machine_of(const ApiCall& call) {
  const std::string name = call.variable("instance");
  if (Machine* machine = park_.find(call.variable("zone"), name)) return machine;
  for (const auto& [key, machine] : park_.machines()) {
    if (key.first == call.variable("zone") && std::to_string(machine.id) == name) {
      return park_.find(key.first, key.second);
    }
  }
  return nullptr;
}

ApiError ComputeApi::machine_not_found(const ApiCall& call) const {
  return not_found("projects/" + settings_.project + "/" + scope_of(call) + "/instances/" +
                   call.variable("instance"));
}

ApiAnswer ComputeApi::machine_get(const ApiCall& call) {
  const Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  return writer_.machine(*machine);
}

ApiAnswer ComputeApi::machine_list(const ApiCall& call) {
  const std::string zone = call.variable("zone");
  Json rows = Json::array();
  for (const auto& [key, machine] : park_.machines()) {
    if (key.first == zone) rows.push_back(writer_.machine(machine));
  }
  const std::string path = scope_of(call) + "/instances";
  remember(path, rows);
  return page(call, path, std::move(rows), "items",
              {{"kind", "compute#instanceList"},
               {"id", "projects/" + settings_.project + "/" + path},
               {"selfLink", writer_.url(path)}},
              Paging::on);
}

ApiAnswer ComputeApi::machine_aggregated(const ApiCall& call) {
  Json scopes = Json::object();
  for (const std::string& zone : settings_.zones) {
    ApiCall one = call;
    one.variables["zone"] = zone;
    ApiAnswer listed = machine_list(one);
    if (listed.error) return listed;
    Json& scope = scopes["zones/" + zone];
    scope = Json::object();
    if (listed.body.contains("items")) scope["instances"] = std::move(listed.body["items"]);
    if (removed_zones_.contains(zone)) {
      scope = {{"warning", {{"code", "UNREACHABLE"}, {"message", "The zone is unreachable."}}}};
    }
  }
  return Json{{"kind", "compute#instanceAggregatedList"},
              {"id", "projects/" + settings_.project + "/aggregated/instances"},
              {"items", std::move(scopes)},
              {"selfLink", writer_.url("aggregated/instances")}};
}

ApiAnswer ComputeApi::machine_delete(const ApiCall& call) {
  Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  return begin(call, "delete", scope_of(call) + "/instances/" + machine->name, machine->id,
               [&]() -> std::optional<Rejection> {
                 park_.remove(*machine);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::machine_stop(const ApiCall& call) {
  Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  return begin(call, "stop", scope_of(call) + "/instances/" + machine->name, machine->id,
               [&]() -> std::optional<Rejection> {
                 if (machine->status == MachineStatus::running) park_.stop(*machine);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::machine_start(const ApiCall& call) {
  Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  if (machine->status != MachineStatus::terminated) {
    return ApiError{400, "resourceNotReady", "The instance is not terminated", ""};
  }
  return begin(call, "start", scope_of(call) + "/instances/" + machine->name, machine->id,
               [&]() -> std::optional<Rejection> {
                 auto error = park_.start(*machine);
                 if (!error) return std::nullopt;
                 return Rejection{error->code, error->message, 503, "backendError", true};
               });
}

ApiAnswer ComputeApi::machine_suspend(const ApiCall& call) {
  Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  if (machine->status != MachineStatus::running) {
    return ApiError{400, "resourceNotReady", "The instance is not running", ""};
  }
  return begin(call, "suspend", scope_of(call) + "/instances/" + machine->name, machine->id,
               [&]() -> std::optional<Rejection> {
                 park_.suspend(*machine);
                 return std::nullopt;
               });
}

ApiAnswer ComputeApi::machine_resume(const ApiCall& call) {
  Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  if (machine->status != MachineStatus::suspended) {
    return ApiError{400, "resourceNotReady", "The instance is not suspended", ""};
  }
  return begin(call, "resume", scope_of(call) + "/instances/" + machine->name, machine->id,
               [&]() -> std::optional<Rejection> {
                 auto error = park_.resume(*machine);
                 if (!error) return std::nullopt;
                 return Rejection{error->code, error->message, 503, "backendError", true};
               });
}

ApiAnswer ComputeApi::machine_insert(const ApiCall& call) {
  const std::string name = text_of(call.body, "name");
  const std::string zone = call.variable("zone");
  if (park_.find(zone, name) != nullptr) {
    return ApiError{409, "alreadyExists",
                    "The resource 'projects/" + settings_.project + "/zones/" + zone +
                        "/instances/" + name + "' already exists",
                    ""};
  }
  return begin(call, "insert", scope_of(call) + "/instances/" + name, 0,
               [&]() -> std::optional<Rejection> {
                 auto error = park_.launch(
                     {.name = name, .zone = zone, .template_name = "", .group = "", .address = ""});
                 if (!error) return std::nullopt;
                 return Rejection{error->code, error->message, 503, "backendError", true};
               });
}

ApiAnswer ComputeApi::machine_labels(const ApiCall& call) {
  Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  if (text_of(call.body, "labelFingerprint") !=
      ResourceWriter::fingerprint(machine->labels.size())) {
    return ApiError{412, "conditionNotMet",
                    "Labels fingerprint either invalid or resource labels "
                    "have changed",
                    ""};
  }
  return begin(call, "setLabels", scope_of(call) + "/instances/" + machine->name, machine->id,
               [&]() -> std::optional<Rejection> {
                 machine->labels.clear();
                 const Json labels = call.body.value("labels", Json::object());
                 for (const auto& [label, value] : labels.items()) {
                   machine->labels[label] = value.get<std::string>();
                 }
                 return std::nullopt;
               });
}

// Accepted; nothing reads what is set.
ApiAnswer ComputeApi::machine_metadata(const ApiCall& call) {
  const Machine* machine = machine_of(call);
  if (machine == nullptr) return machine_not_found(call);
  return begin(call, "setMetadata", scope_of(call) + "/instances/" + machine->name, machine->id,
               [] { return std::optional<Rejection>(); });
}

ApiAnswer ComputeApi::template_get(const ApiCall& call) {
  const std::string name = call.variable("instanceTemplate");
  const std::string region = call.variable("region");
  if (!templates_.contains(name)) {
    const std::string scope = region.empty() ? "global" : "regions/" + region;
    return not_found("projects/" + settings_.project + "/" + scope + "/instanceTemplates/" + name);
  }
  return writer_.instance_template(name, region);
}

ApiAnswer ComputeApi::zone_get(const ApiCall& call) { return writer_.zone(call.variable("zone")); }

ApiAnswer ComputeApi::region_get(const ApiCall& call) {
  return writer_.region(call.variable("region"), settings_.zones);
}

ApiAnswer ComputeApi::autoscaler_get(const ApiCall& call) {
  const std::string zone = call.variable("zone");
  const std::string name = call.variable("autoscaler");
  const Group* group = keeper_.find(zone.empty() ? call.variable("region") : zone, name);
  if (group == nullptr || !group->has_autoscaler) {
    return not_found("projects/" + settings_.project + "/" + scope_of(call) + "/autoscalers/" +
                     name);
  }
  return writer_.autoscaler(*group);
}

ApiAnswer ComputeApi::autoscaler_list(const ApiCall& call) {
  const bool regional = call.variable("zone").empty();
  const std::string place = regional ? call.variable("region") : call.variable("zone");
  Json rows = Json::array();
  for (const auto& [key, group] : keeper_.groups()) {
    const bool here = group.there && group.has_autoscaler && group.location == place;
    if (here && group.regional == regional) rows.push_back(writer_.autoscaler(group));
  }
  const std::string path = scope_of(call) + "/autoscalers";
  return page(call, "", std::move(rows), "items",
              {{"kind", regional ? "compute#regionAutoscalerList" : "compute#autoscalerList"},
               {"id", "projects/" + settings_.project + "/" + path},
               {"selfLink", writer_.url(path)}},
              Paging::on);
}

}  // namespace flaskscale::emulator
