#include "proxy/config/route_cover.h"

#include "proxy/config/host_pattern.h"

namespace flaskscale::config {

const RouteCover::Taken* RouteCover::find_at(const std::string& pattern,
                                             std::string_view path) const {
  const auto found = taken_.find(pattern);
  if (found == taken_.end()) return nullptr;
  for (const Taken& taken : found->second) {
    if (covers_path(taken.prefix, path)) return &taken;
  }
  return nullptr;
}

const RouteCover::Taken* RouteCover::find(const std::string& host, std::string_view path) const {
  if (const Taken* taken = find_at("", path)) return taken;
  if (host.empty()) return nullptr;
  if (const Taken* taken = find_at(host, path)) return taken;
  // "*.b.c" covers "a.b.c" and "*.a.b.c": every wildcard over what stands behind a dot.
  const size_t begin = host.starts_with("*.") ? 2 : 0;
  for (size_t dot = host.find('.', begin); dot != std::string::npos;
       dot = host.find('.', dot + 1)) {
    if (const Taken* taken = find_at("*" + host.substr(dot), path)) return taken;
  }
  return nullptr;
}

std::optional<Source> RouteCover::add(const RouteModel& route) {
  const std::vector<std::string> any_host = {""};
  const std::vector<std::string> any_path = {"/"};
  const auto& hosts = route.hosts.empty() ? any_host : route.hosts;
  const auto& paths = route.paths.empty() ? any_path : route.paths;
  std::optional<Source> first;
  bool all_taken = true;
  for (const std::string& host : hosts) {
    for (const std::string& path : paths) {
      const Taken* taken = find(host, path);
      if (taken == nullptr) {
        all_taken = false;
      } else if (!first) {
        first = taken->source;
      }
    }
  }
  for (const std::string& host : hosts) {
    for (const std::string& path : paths) taken_[host].push_back({path, route.source});
  }
  return all_taken ? first : std::nullopt;
}

}  // namespace flaskscale::config
