#include "scaler/providers/child_environment.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace flaskscale::scaler {
namespace {

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

bool is_private(std::string_view variable) {
  for (const std::string_view name : {"NOTIFY_SOCKET=", "LISTEN_FDS=", "LISTEN_PID=",
                                      "LISTEN_FDNAMES=", "WATCHDOG_USEC=", "WATCHDOG_PID="}) {
    if (variable.starts_with(name)) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> child_environment(const std::map<std::string, std::string>& own) {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const std::string key(variable.substr(0, variable.find('=')));
    if (!is_private(variable) && !own.contains(key)) variables.emplace_back(variable);
  }
  for (const auto& [key, value] : own) variables.push_back(key + "=" + value);
  return variables;
}

std::string search_path(const std::map<std::string, std::string>& own) {
  const auto configured = own.find("PATH");
  if (configured != own.end()) return configured->second;
  const char* inherited = std::getenv("PATH");
  return inherited == nullptr ? kDefaultPath : inherited;
}

}  // namespace flaskscale::scaler
