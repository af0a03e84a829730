#include "scaler/providers/exec_list.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/endpoint.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

Error wrong(size_t line, const std::string& what) {
  return make_error(ErrorCode::bad_message,
                    "line " + std::to_string(line) + " of the list " + what);
}

// Absent is empty; another kind of value is nothing.
std::optional<std::string> field_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return std::string();
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return found->dump();
  return std::nullopt;
}

bool set_state(InstanceReport& report, std::string_view state) {
  report.running = state == "running" || state == "leaving";
  report.leaving = state == "leaving";
  report.stopped = state == "stopped";
  report.exited = state == "exited";
  if (state == "failed") report.obstacle = Obstacle::other;
  return report.running || report.stopped || report.exited || state == "failed" ||
         state == "booting";
}

bool set_obstacle(InstanceReport& report, std::string_view word) {
  if (word.empty()) return true;
  if (word == "capacity") {
    report.obstacle = Obstacle::capacity;
  } else if (word == "quota") {
    report.obstacle = Obstacle::quota;
  } else if (word == "configuration") {
    report.obstacle = Obstacle::configuration;
  } else if (word == "other") {
    report.obstacle = Obstacle::other;
  } else {
    return false;
  }
  return true;
}

bool is_address(const std::string& text) {
  const auto endpoint = parse_endpoint(text);
  return endpoint && endpoint->port != 0;
}

Result<InstanceReport> parse_line(std::string_view text, size_t line) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return wrong(line, "is no JSON object: " + std::string(text.substr(0, 100)));
  InstanceReport report;
  report.ours = true;  // the command was asked for this pool's
  std::string state;
  std::string obstacle;
  const std::array<std::pair<const char*, std::string*>, 8> texts = {{{"name", &report.name},
                                                                      {"id", &report.id},
                                                                      {"address", &report.address},
                                                                      {"zone", &report.zone},
                                                                      {"version", &report.version},
                                                                      {"detail", &report.detail},
                                                                      {"state", &state},
                                                                      {"obstacle", &obstacle}}};
  for (const auto& [key, target] : texts) {
    auto value = field_of(json, key);
    if (!value) return wrong(line, "has a \"" + std::string(key) + "\" that is no text");
    *target = *std::move(value);
  }
  if (report.name.empty()) return wrong(line, "has no \"name\"");
  if (!set_state(report, state)) {
    return wrong(line, "has the state \"" + state +
                           "\"; it must be booting, running, leaving, stopped, exited or failed");
  }
  if (!set_obstacle(report, obstacle)) {
    return wrong(line, "has the obstacle \"" + obstacle +
                           "\"; it must be capacity, quota, configuration or other");
  }
  if (!report.address.empty() && !is_address(report.address)) {
    return wrong(line, "has the address \"" + report.address + "\", which is no host:port");
  }
  if (const auto outdated = json.find("outdated"); outdated != json.end()) {
    if (!outdated->is_boolean())
      return wrong(line, "has an \"outdated\" that is not true or false");
    report.outdated = outdated->get<bool>();
  }
  return report;
}

}  // namespace

Result<std::vector<InstanceReport>> parse_exec_list(std::string_view text) {
  std::vector<InstanceReport> reports;
  std::set<std::string> names;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto report = parse_line(one, line);
    if (!report) return std::move(report).error();
    if (!names.insert(report->name).second) {
      return wrong(line, "names " + report->name + " a second time");
    }
    reports.push_back(*std::move(report));
  }
  return reports;
}

}  // namespace flaskscale::scaler
