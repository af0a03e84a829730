#include "tests/support/gce/compute_api.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "tests/support/gce/list_query.h"

namespace flaskscale::emulator {
namespace {

constexpr size_t kHistoryKept = 200;

std::string verb_of(const std::string& method) { return method.substr(method.rfind('.') + 1); }

bool is_group_method(const std::string& method) {
  return method.starts_with("compute.instanceGroupManagers.") ||
         method.starts_with("compute.regionInstanceGroupManagers.");
}

size_t number_or(std::string_view text, size_t fallback) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : fallback;
}

void make_unknown(Json& row) {
  if (row.contains("currentAction")) row["currentAction"] = "REBALANCING";
  if (row.contains("instanceStatus")) row["instanceStatus"] = "PENDING_STOP";
  if (row.contains("status")) row["status"] = "PENDING_STOP";
  row["novelty"] = {{"since", 2026}};
}

}  // namespace

ComputeApi::ComputeApi(Settings& settings, Timeline& timeline, MachinePark& park,
                       GroupKeeper& keeper, OperationTable& operations, RequestIds& request_ids,
                       ResourceWriter& writer)
    : settings_(settings),
      timeline_(timeline),
      park_(park),
      keeper_(keeper),
      operations_(operations),
      request_ids_(request_ids),
      writer_(writer),
      templates_{settings.template_name} {}

ApiError ComputeApi::not_found(const std::string& path) {
  return {404, "notFound", "The resource '" + path + "' was not found", ""};
}

ApiError ComputeApi::invalid(std::string message) {
  return {400, "invalid", std::move(message), ""};
}

std::string ComputeApi::scope_of(const ApiCall& call) {
  if (const std::string zone = call.variable("zone"); !zone.empty()) return "zones/" + zone;
  if (const std::string region = call.variable("region"); !region.empty()) {
    return "regions/" + region;
  }
  return "global";
}

std::optional<ApiError> ComputeApi::check_place(const ApiCall& call) const {
  const std::string project = call.variable("project");
  if (project != settings_.project && project != std::to_string(settings_.project_number)) {
    return not_found("projects/" + project);
  }
  const std::string zone = call.variable("zone");
  const auto& zones = settings_.zones;
  const bool known = std::find(zones.begin(), zones.end(), zone) != zones.end();
  if (!zone.empty() && (!known || removed_zones_.contains(zone))) {
    return not_found("projects/" + settings_.project + "/zones/" + zone);
  }
  const std::string region = call.variable("region");
  const bool there = std::any_of(zones.begin(), zones.end(), [&](const std::string& each) {
    return ResourceWriter::region_of(each) == region;
  });
  if (!region.empty() && !there) {
    return not_found("projects/" + settings_.project + "/regions/" + region);
  }
  return std::nullopt;
}

ApiAnswer ComputeApi::answer(const ApiCall& call) {
  if (auto error = check_place(call)) return *error;
  const std::string id(call.url->parameter("requestId"));
  if (id.empty()) return answer_once(call);
  if (!RequestIds::is_valid(id))
    return invalid("Invalid value for field 'requestId': '" + id + "'");
  if (call.hits.find("forget_request_id") != nullptr) request_ids_.forget(id);
  const std::string same = call.method->verb + " " + call.url->path() + "\n" + call.text;
  if (const auto known = request_ids_.find(id)) {
    if (known->call != same) {
      const int status = settings_.request_id_conflict;
      return ApiError{status, status == 400 ? "invalid" : "conflict",
                      "The request ID '" + id + "' was used by a different request.", ""};
    }
    if (const Operation* first = operations_.find(known->scope, known->operation)) {
      return writer_.operation(*first);
    }
  }
  ApiAnswer made = answer_once(call);
  if (!made.error) {
    request_ids_.remember(id, {same, text_of(made.body, "name"), scope_of(call), 0});
  }
  return made;
}

ApiAnswer ComputeApi::answer_once(const ApiCall& call) {
  const Handler known = handler(call.method->id);
  if (known != nullptr) return (this->*known)(call);
  if (is_group_method(call.method->id)) return on_group(call, verb_of(call.method->id));
  return ApiError{501, "notImplemented", call.method->id + " is not emulated", ""};
}

ComputeApi::Handler ComputeApi::handler(const std::string& method) const {
  using Self = ComputeApi;
  static const std::map<std::string, Handler, std::less<>> handlers = {
      {"compute.instanceGroupManagers.list", &Self::group_list},
      {"compute.regionInstanceGroupManagers.list", &Self::group_list},
      {"compute.instanceGroupManagers.aggregatedList", &Self::group_aggregated},
      {"compute.instances.get", &Self::machine_get},
      {"compute.instances.list", &Self::machine_list},
      {"compute.instances.aggregatedList", &Self::machine_aggregated},
      {"compute.instances.delete", &Self::machine_delete},
      {"compute.instances.stop", &Self::machine_stop},
      {"compute.instances.start", &Self::machine_start},
      {"compute.instances.suspend", &Self::machine_suspend},
      {"compute.instances.resume", &Self::machine_resume},
      {"compute.instances.insert", &Self::machine_insert},
      {"compute.instances.setLabels", &Self::machine_labels},
      {"compute.instances.setMetadata", &Self::machine_metadata},
      {"compute.instanceTemplates.get", &Self::template_get},
      {"compute.regionInstanceTemplates.get", &Self::template_get},
      {"compute.zones.get", &Self::zone_get},
      {"compute.regions.get", &Self::region_get},
      {"compute.autoscalers.get", &Self::autoscaler_get},
      {"compute.autoscalers.list", &Self::autoscaler_list},
      {"compute.regionAutoscalers.get", &Self::autoscaler_get},
      {"compute.regionAutoscalers.list", &Self::autoscaler_list},
      {"compute.zoneOperations.get", &Self::operation_get},
      {"compute.zoneOperations.wait", &Self::operation_wait},
      {"compute.zoneOperations.list", &Self::operation_list},
      {"compute.regionOperations.get", &Self::operation_get},
      {"compute.regionOperations.wait", &Self::operation_wait},
      {"compute.regionOperations.list", &Self::operation_list},
      {"compute.globalOperations.get", &Self::operation_get},
      {"compute.globalOperations.wait", &Self::operation_wait},
      {"compute.globalOperations.list", &Self::operation_list},
  };
  const auto found = handlers.find(method);
  return found == handlers.end() ? nullptr : found->second;
}

ApiAnswer ComputeApi::begin(const ApiCall& call, std::string type, std::string target,
                            uint64_t target_id,
                            const std::function<std::optional<Rejection>()>& acts) {
  const Json* fault = call.hits.find("operation");
  const bool fails = fault != nullptr && text_of(*fault, "outcome") == "error";
  std::optional<Rejection> rejection;
  if (!fails || flag_of(*fault, "acts")) rejection = acts();
  if (rejection && !rejection->in_operation) {
    return ApiError{rejection->http_status, rejection->reason, rejection->message, ""};
  }
  Operation& operation =
      operations_.begin(std::move(type), scope_of(call), std::move(target), target_id, call.hits);
  if (rejection) {
    operation.error = LaunchError{rejection->code, rejection->message};
    operation.http_status = rejection->http_status;
  }
  return writer_.operation(operation);
}

ApiAnswer ComputeApi::operation_get(const ApiCall& call) {
  const std::string name = call.variable("operation");
  const Operation* found = operations_.find(scope_of(call), name);
  if (found == nullptr) {
    return not_found("projects/" + settings_.project + "/" + scope_of(call) + "/operations/" +
                     name);
  }
  return writer_.operation(*found);
}

ApiAnswer ComputeApi::operation_wait(const ApiCall& call) {
  ApiAnswer answer = operation_get(call);
  if (answer.error || text_of(answer.body, "status") == "DONE") return answer;
  const bool early = park_.chance().happens(settings_.timings.wait_early_share);
  if (early || call.hits.find("wait_at_once") != nullptr) return answer;
  answer.awaited = call.variable("operation");
  answer.awaited_scope = scope_of(call);
  return answer;
}

ApiAnswer ComputeApi::operation_list(const ApiCall& call) {
  Json rows = Json::array();
  for (const Operation* operation : operations_.of(scope_of(call))) {
    rows.push_back(writer_.operation(*operation));
  }
  return page(call, "", std::move(rows), "items",
              {{"kind", "compute#operationList"},
               {"id", "projects/" + settings_.project + "/" + scope_of(call) + "/operations"},
               {"selfLink", writer_.url(scope_of(call) + "/operations")}},
              Paging::on);
}

void ComputeApi::remember(const std::string& place, const Json& rows) {
  auto& past = history_[place];
  if (!past.empty() && timeline_.now() - past.back().first < 0.5) return;
  past.emplace_back(timeline_.now(), std::make_shared<const Json>(rows));
  if (past.size() > kHistoryKept) past.pop_front();
}

Json ComputeApi::spoiled(const ApiCall& call, const std::string& place, Json rows) {
  const Json* fault = call.hits.find("list");
  if (fault == nullptr) return rows;
  const std::string what = text_of(*fault, "what");
  const auto count = std::min(rows.size(), static_cast<size_t>(number_of(*fault, "rows", 1)));
  if (what == "stale") {
    const double then = timeline_.now() - number_of(*fault, "seconds", 10);
    const Json* old = nullptr;
    for (const auto& [at, past] : history_[place]) {
      if (old == nullptr || at <= then) old = past.get();
    }
    return old != nullptr ? *old : rows;
  }
  if (what == "duplicate") {
    for (size_t i = 0; i < count; ++i) rows.push_back(Json(rows[i]));
  }
  if (what == "missing") {
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
  }
  if (what == "unknown_values") {
    for (Json& row : rows) make_unknown(row);
  }
  if (what == "foreign") {
    rows.push_back({{"name", "stranger"}, {"instance", "not-a-url"}, {"currentAction", "NONE"}});
    rows.push_back({{"currentAction", "NONE"}, {"instanceStatus", "RUNNING"}});
  }
  return rows;
}

ApiAnswer ComputeApi::page(const ApiCall& call, const std::string& place, Json rows,
                           const char* member, Json frame, Paging paging) {
  const std::string_view filter = call.url->parameter("filter");
  if (!filter.empty()) {
    auto wanted = parse_filter(filter);
    if (!wanted) return invalid(wanted.error().detail);
    Json kept = Json::array();
    for (Json& row : rows) {
      if ((*wanted)(row)) kept.push_back(std::move(row));
    }
    rows = std::move(kept);
  }
  rows = spoiled(call, place, std::move(rows));
  size_t begin = 0;
  size_t end = rows.size();
  if (paging == Paging::on) {
    const size_t most = number_or(call.url->parameter("maxResults"), 500);
    if (most > 500) return invalid("Invalid value for field 'maxResults'");
    std::string_view token = call.url->parameter("pageToken");
    if (!token.empty()) {
      constexpr auto kNone = std::numeric_limits<size_t>::max();
      begin = token.starts_with("page-") ? number_or(token.substr(5), kNone) : kNone;
      if (begin == kNone) return invalid("Invalid value for field 'pageToken'");
    }
    begin = std::min(begin, rows.size());
    end = std::min(rows.size(), begin + (most == 0 ? 500 : most));
  }
  Json list = Json::array();
  for (size_t i = begin; i < end; ++i) list.push_back(std::move(rows[i]));
  if (end < rows.size()) frame["nextPageToken"] = "page-" + std::to_string(end);
  // The real API leaves an empty list out.
  if (!list.empty()) frame[member] = std::move(list);
  return frame;
}

}  // namespace flaskscale::emulator
