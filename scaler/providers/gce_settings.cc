#include "scaler/providers/gce_settings.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kLongestGroupName = 63;
constexpr size_t kLongestProject = 128;
constexpr uint32_t kFewestCalls = 10;
constexpr Duration kShortestInterval = std::chrono::milliseconds(200);
constexpr Duration kLongestInterval = std::chrono::minutes(10);

bool is_lower_case_letter(char c) { return c >= 'a' && c <= 'z'; }

// "my-project", "example.com:my-project" or a number.
bool is_project(std::string_view project) {
  return !project.empty() && project.size() <= kLongestProject &&
         std::all_of(project.begin(), project.end(), [](char c) {
           return is_lower_case_letter(c) || is_digit(c) || c == '-' || c == '.' || c == ':';
         });
}

}  // namespace

bool is_gce_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestGroupName) return false;
  if (!is_lower_case_letter(name.front()) || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower_case_letter(c) || is_digit(c) || c == '-'; });
}

void complete_from_environment(GceSettings& settings,
                               const std::function<const char*(const char*)>& variable) {
  GceCredentials& credentials = settings.credentials;
  const char* key_file = variable("GOOGLE_APPLICATION_CREDENTIALS");
  if (credentials.key_file.empty() && credentials.access_token_file.empty() &&
      key_file != nullptr) {
    credentials.key_file = key_file;
  }
  const char* host = variable("GCE_METADATA_HOST");
  if (host != nullptr && *host != '\0') credentials.metadata_host = host;
}

std::vector<std::string> problems_of(const GceSettings& settings) {
  std::vector<std::string> problems;
  if (!settings.project.empty() && !is_project(settings.project)) {
    problems.push_back("project: \"" + settings.project + "\" is no project id or number");
  }
  if (settings.zones.empty()) problems.emplace_back("zones: at least one is needed");
  std::set<std::string_view> seen;
  for (const std::string& zone : settings.zones) {
    if (!is_gce_name(zone)) problems.push_back("zones: \"" + zone + "\" is no zone's name");
    if (!seen.insert(zone).second) problems.push_back("zones: " + zone + " is named twice");
  }
  if (!is_gce_name(settings.group)) {
    problems.push_back("group: \"" + settings.group + "\" is no managed instance group's name");
  }
  if (settings.port == 0) problems.emplace_back("port: the backend's port is needed");
  if (!settings.endpoint.starts_with("https://") && !settings.endpoint.starts_with("http://")) {
    problems.emplace_back("endpoint: must begin with https:// (or http:// for tests)");
  }
  if (settings.calls_per_minute < kFewestCalls) {
    problems.push_back("calls_per_minute: at least " + std::to_string(kFewestCalls));
  }
  const auto check_interval = [&](Duration interval, const char* key) {
    if (interval >= kShortestInterval && interval <= kLongestInterval) return;
    problems.push_back(std::string(key) + ": between 200ms and 10m");
  };
  check_interval(settings.list_interval, "list_interval");
  check_interval(settings.list_interval_moving, "list_interval_moving");
  return problems;
}

}  // namespace flaskscale::scaler
