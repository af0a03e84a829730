#include "scaler/providers/gce_parse.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "scaler/providers/gce_settings.h"
#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
constexpr size_t kMostProblems = 20;
constexpr size_t kLongestMessage = 500;

// 64-bit numbers come as strings, others as numbers.
int64_t number_of(const Json& json, const char* key) {
  const Json& value = member(json, key);
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return 0;
  const auto& text = value.get_ref<const std::string&>();
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string id_of(const Json& json) {
  const Json& value = member(json, "id");
  if (value.is_number_unsigned()) return std::to_string(value.get<uint64_t>());
  std::string id = text_of(json, "id");
  return id == "0" ? "" : id;
}

GceProblem parse_problem(const Json& json) {
  GceProblem problem;
  problem.code = text_of(json, "code");
  problem.message = text_of(json, "message").substr(0, kLongestMessage);
  for (const Json& detail : member(json, "errorDetails")) {
    const std::string reason = text_of(member(detail, "errorInfo"), "reason");
    if (!reason.empty()) problem.reason = reason;
  }
  return problem;
}

// {"errors": [ … ]}
std::vector<GceProblem> parse_problems(const Json& json) {
  std::vector<GceProblem> problems;
  const Json& list = member(json, "errors");
  if (!list.is_array()) return problems;
  for (const Json& entry : list) {
    if (problems.size() == kMostProblems) break;
    if (entry.is_object()) problems.push_back(parse_problem(entry));
  }
  return problems;
}

std::vector<std::string> parse_templates(const Json& json) {
  std::vector<std::string> templates;
  const Json& versions = member(json, "versions");
  if (versions.is_array()) {
    for (const Json& version : versions) {
      std::string url = text_of(version, "instanceTemplate");
      if (!url.empty()) templates.push_back(resource_path(url));
    }
  }
  const std::string url = text_of(json, "instanceTemplate");
  if (templates.empty() && !url.empty()) templates.push_back(resource_path(url));
  return templates;
}

// What follows the project in a resource's path.
std::string_view within_project(std::string_view path) {
  constexpr std::string_view kProjects = "projects/";
  if (!path.starts_with(kProjects)) return path;
  const size_t slash = path.find('/', kProjects.size());
  return slash == std::string_view::npos ? path : path.substr(slash);
}

std::string_view project_of(std::string_view path) {
  constexpr std::string_view kProjects = "projects/";
  if (!path.starts_with(kProjects)) return {};
  path.remove_prefix(kProjects.size());
  return path.substr(0, path.find('/'));
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.find("..") != std::string_view::npos) return false;
  return std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == '/';
  });
}

std::string resource_path(std::string_view url) {
  const size_t at = url.find("projects/");
  return std::string(at == std::string_view::npos ? url : url.substr(at));
}

std::string last_segment(std::string_view url) {
  const size_t slash = url.rfind('/');
  return std::string(slash == std::string_view::npos ? url : url.substr(slash + 1));
}

bool same_resource(std::string_view a, std::string_view b) {
  const std::string first = resource_path(a);
  const std::string second = resource_path(b);
  if (first == second) return true;
  // An id and a number can't be told apart here; two ids or two numbers can.
  const bool ways_differ = is_number(project_of(first)) != is_number(project_of(second));
  return ways_differ && within_project(first) == within_project(second);
}

GceGroupInfo parse_group(const Json& json) {
  GceGroupInfo group;
  group.templates = parse_templates(json);
  group.update_type = text_of(member(json, "updatePolicy"), "type");
  group.replacement_method = text_of(member(json, "updatePolicy"), "replacementMethod");
  group.autoscaler = resource_path(text_of(member(json, "status"), "autoscaler"));
  group.base_name = text_of(json, "baseInstanceName");
  group.description = text_of(json, "description");
  group.fingerprint = text_of(json, "fingerprint");
  group.paging = text_of(json, "listManagedInstancesResults");
  group.target_size = number_of(json, "targetSize");
  group.target_stopped =
      number_of(json, "targetStoppedSize") + number_of(json, "targetSuspendedSize");
  group.repairs =
      text_of(member(json, "instanceLifecyclePolicy"), "defaultActionOnFailure") != "DO_NOTHING";
  const Json& ports = member(json, "namedPorts");
  if (ports.is_array()) {
    for (const Json& port : ports) {
      group.named_ports.emplace_back(text_of(port, "name"), number_of(port, "port"));
    }
  }
  return group;
}

std::optional<GceRow> parse_row(const Json& json) {
  GceRow row;
  const std::string url = text_of(json, "instance");
  row.name = text_of(json, "name");
  if (row.name.empty()) row.name = last_segment(url);
  if (!is_gce_name(row.name)) return std::nullopt;
  row.has_url = !url.empty();
  row.id = id_of(json);
  row.status = text_of(json, "instanceStatus");
  row.action = text_of(json, "currentAction");
  row.target_status = text_of(json, "targetStatus");
  row.template_url = resource_path(text_of(member(json, "version"), "instanceTemplate"));
  row.problems = parse_problems(member(member(json, "lastAttempt"), "errors"));
  return row;
}

std::optional<GceMachine> parse_machine(const Json& json) {
  GceMachine machine;
  machine.name = text_of(json, "name");
  machine.id = id_of(json);
  if (machine.name.empty()) return std::nullopt;
  const Json& interfaces = member(json, "networkInterfaces");
  if (interfaces.is_array() && !interfaces.empty()) {
    machine.address = text_of(interfaces.front(), "networkIP");
  }
  return machine;
}

std::optional<GceOperation> parse_operation(const Json& json) {
  GceOperation operation;
  operation.name = text_of(json, "name");
  if (!is_plain_path(operation.name)) return std::nullopt;
  operation.done = text_of(json, "status") == "DONE";
  operation.http_status = number_of(json, "httpErrorStatusCode");
  operation.problems = parse_problems(member(json, "error"));
  if (operation.done && operation.problems.empty() && operation.http_status >= 400) {
    operation.problems.push_back({.code = "HTTP_" + std::to_string(operation.http_status),
                                  .message = text_of(json, "httpErrorMessage"),
                                  .reason = ""});
  }
  return operation;
}

}  // namespace flaskscale::scaler
