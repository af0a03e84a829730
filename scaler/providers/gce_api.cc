#include "scaler/providers/gce_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "scaler/providers/gce_parse.h"
#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
constexpr const char* kPageSize = "500";
constexpr int kMostPages = 1000;
// Beyond, the address of a request would become too long; then all with the same beginning are
// read.
constexpr size_t kMostNamesInFilter = 25;

Error unreadable(const GceRequest& request, const std::string& what) {
  Error error = make_error(ErrorCode::bad_message, request.what + ": " + what);
  error.retry = Retry::always;
  return error;
}

// A regular expression that matches all of `names`, which hold letters, digits and dashes only.
std::string pattern_of(const std::vector<std::string>& names) {
  if (names.size() == 1) return names.front();
  std::string pattern;
  if (names.size() <= kMostNamesInFilter) {
    for (const std::string& name : names) pattern += (pattern.empty() ? "(" : "|") + name;
    return pattern + ")";
  }
  std::string common = names.front();
  for (const std::string& name : names) {
    const auto differ = std::mismatch(common.begin(), common.end(), name.begin(), name.end());
    common.erase(differ.first, common.end());
  }
  return common + ".*";
}

}  // namespace

std::string_view to_string(GceVerb verb) {
  switch (verb) {
    case GceVerb::create:
      return "createInstances";
    case GceVerb::remove:
      return "deleteInstances";
    case GceVerb::stop:
      return "stopInstances";
    case GceVerb::suspend:
      return "suspendInstances";
    case GceVerb::start:
      return "startInstances";
    case GceVerb::resume:
      return "resumeInstances";
  }
  return "unknown";
}

std::string GceApi::url_of(const std::string& zone, const std::string& name) {
  return "zones/" + zone + "/instances/" + name;
}

std::string GceApi::zone_path(const std::string& zone) const {
  return "projects/" + project_ + "/zones/" + zone;
}

std::string GceApi::group_path(const std::string& zone) const {
  return zone_path(zone) + "/instanceGroupManagers/" + group_;
}

Result<GceGroupInfo> GceApi::group(const std::string& zone) {
  GceRequest request;
  request.what = "group " + group_ + " in " + zone;
  request.path = group_path(zone);
  const Result<Json> json = transport_.call(request);
  if (!json) return json.error();
  return parse_group(*json);
}

Result<void> GceApi::read_pages(GceRequest request, const char* items,
                                const std::function<void(const Json&)>& on_item) {
  const auto first_query = request.query;
  std::string page_token;
  for (int page = 0; page < kMostPages; ++page) {
    request.query = first_query;
    if (!page_token.empty()) request.query.emplace_back("pageToken", page_token);
    const Result<Json> json = transport_.call(request);
    if (!json) return json.error();
    const auto list = json->find(items);
    if (list != json->end() && !list->is_array()) {
      return unreadable(request, std::string(items) + " is no list");
    }
    if (list != json->end()) std::for_each(list->begin(), list->end(), on_item);
    std::string next = text_of(*json, "nextPageToken");
    if (next.empty()) return {};
    if (next == page_token) return unreadable(request, "the same page again");
    page_token = std::move(next);
  }
  return unreadable(request, "too many pages");
}

Result<std::vector<GceRow>> GceApi::rows(const std::string& zone) {
  GceRequest request;
  request.what = "listManagedInstances of " + group_ + " in " + zone;
  request.method = "POST";
  request.path = group_path(zone) + "/listManagedInstances";
  request.query = {{"maxResults", kPageSize}, {"fields", "managedInstances,nextPageToken"}};
  std::vector<GceRow> rows;
  const Result<void> read = read_pages(request, "managedInstances", [&rows](const Json& item) {
    std::optional<GceRow> row = parse_row(item);
    if (row) rows.push_back(std::move(*row));
  });
  if (!read) return read.error();
  return rows;
}

Result<std::vector<GceMachine>> GceApi::machines(const std::string& zone,
                                                 const std::vector<std::string>& names) {
  GceRequest request;
  request.what = "instances.list in " + zone;
  request.path = zone_path(zone) + "/instances";
  request.query = {{"filter", "name eq '" + pattern_of(names) + "'"},
                   {"fields", "items(id,name,status,networkInterfaces/networkIP),nextPageToken"},
                   {"maxResults", kPageSize}};
  std::vector<GceMachine> machines;
  const Result<void> read = read_pages(request, "items", [&machines](const Json& item) {
    std::optional<GceMachine> machine = parse_machine(item);
    if (machine) machines.push_back(std::move(*machine));
  });
  if (!read) return read.error();
  return machines;
}

Result<std::vector<std::string>> GceApi::autoscalers(const std::string& zone) {
  GceRequest request;
  request.what = "autoscalers.list in " + zone;
  request.path = zone_path(zone) + "/autoscalers";
  request.query = {{"fields", "items(name,target),nextPageToken"}, {"maxResults", kPageSize}};
  std::vector<std::string> names;
  const Result<void> read = read_pages(request, "items", [&](const Json& item) {
    if (same_resource(text_of(item, "target"), group_path(zone))) {
      names.push_back(text_of(item, "name"));
    }
  });
  if (!read) return read.error();
  return names;
}

Result<GceOperation> GceApi::start_operation(const GceRequest& request) {
  const Result<Json> json = transport_.call(request);
  if (!json) return json.error();
  std::optional<GceOperation> operation = parse_operation(*json);
  if (!operation) return unreadable(request, "the response is no operation");
  return std::move(*operation);
}

Result<GceOperation> GceApi::change(GceVerb verb, const std::string& zone,
                                    const std::vector<std::string>& instances,
                                    const std::string& request_id) {
  Json body;
  if (verb == GceVerb::create) {
    body["instances"] = Json::array();
    for (const std::string& name : instances) body["instances"].push_back({{"name", name}});
  } else {
    body["instances"] = instances;
  }
  if (verb == GceVerb::remove) body["skipInstancesOnValidationError"] = true;
  // They have served, so nothing is left to wait for.
  if (verb == GceVerb::stop) body["forceStop"] = true;
  if (verb == GceVerb::suspend) body["forceSuspend"] = true;
  GceRequest request;
  request.what = std::string(to_string(verb)) + " of " + group_ + " in " + zone;
  request.method = "POST";
  request.path = group_path(zone) + "/" + std::string(to_string(verb));
  request.query = {{"requestId", request_id}};
  request.body = body.dump();
  request.use = GceCallBudget::Use::change;
  return start_operation(request);
}

Result<GceOperation> GceApi::operation(const std::string& zone, const std::string& name) {
  GceRequest request;
  request.what = "operation " + name + " in " + zone;
  request.path = zone_path(zone) + "/operations/" + name;
  return start_operation(request);
}

Result<GceOperation> GceApi::describe(const std::string& zone, const std::string& fingerprint,
                                      const std::string& description,
                                      const std::string& request_id) {
  GceRequest request;
  request.what = "patch of " + group_ + " in " + zone;
  request.method = "PATCH";
  request.path = group_path(zone);
  request.query = {{"requestId", request_id}};
  request.body = Json({{"description", description}, {"fingerprint", fingerprint}})
                     .dump(-1, ' ', false, Json::error_handler_t::replace);
  request.use = GceCallBudget::Use::change;
  return start_operation(request);
}

Result<void> GceApi::look_at_zone(const std::string& zone) {
  GceRequest request;
  request.what = "zone " + zone;
  request.path = zone_path(zone);
  const Result<Json> json = transport_.call(request);
  if (!json) return json.error();
  const std::string status = text_of(*json, "status");
  if (!status.empty() && status != "UP") {
    return make_error(ErrorCode::unavailable, request.what + ": its status is " + status);
  }
  return {};
}

Result<void> GceApi::look_at_machines(const std::string& zone) {
  GceRequest request;
  request.what = "instances.list in " + zone;
  request.path = zone_path(zone) + "/instances";
  request.query = {{"maxResults", "1"}, {"fields", "items(name),nextPageToken"}};
  const Result<Json> json = transport_.call(request);
  if (!json) return json.error();
  return {};
}

Result<void> GceApi::look_at_operations(const std::string& zone) {
  GceRequest request;
  request.what = "zoneOperations.list in " + zone;
  request.path = zone_path(zone) + "/operations";
  request.query = {{"maxResults", "1"}, {"fields", "items(name),nextPageToken"}};
  const Result<Json> json = transport_.call(request);
  if (!json) return json.error();
  return {};
}

Result<void> GceApi::look_at_template(const std::string& path) {
  GceRequest request;
  request.what = "instance template " + last_segment(path);
  request.path = path;
  if (!path.starts_with("projects/") || !is_plain_path(path)) {
    return unreadable(request, "its path is none");
  }
  const Result<Json> json = transport_.call(request);
  if (!json) return json.error();
  return {};
}

}  // namespace flaskscale::scaler
