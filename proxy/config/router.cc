#include "proxy/config/router.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/endpoint.h"
#include "proxy/config/host_pattern.h"

namespace flaskscale::config {
namespace {

constexpr size_t kLongestHost = 255;
constexpr std::string_view kWildcard = "*.";

// Without the port, and a dot at the end.
std::string_view host_of(std::string_view authority) {
  std::string_view host = without_port(authority);
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

}  // namespace

Router::Router(std::vector<RouteModel> routes) : routes_(std::move(routes)) {
  for (size_t i = 0; i < routes_.size(); ++i) {
    const RouteModel& route = routes_[i];
    const std::vector<std::string> everything = {""};
    const auto& hosts = route.hosts.empty() ? everything : route.hosts;
    const std::vector<std::string> root = {"/"};
    const auto& paths = route.paths.empty() ? root : route.paths;
    for (const std::string& host : hosts) {
      for (const std::string& path : paths) add(host, static_cast<uint32_t>(i), path);
    }
  }
}

void Router::add(const std::string& host, uint32_t route, const std::string& prefix) {
  if (host.empty()) {
    any_.push_back({route, prefix});
  } else if (host.starts_with(kWildcard)) {
    below_[host.substr(kWildcard.size())].push_back({route, prefix});
  } else {
    exact_[host].push_back({route, prefix});
  }
}

size_t Router::first_match(const Candidates& candidates, std::string_view path, size_t best) {
  for (const Candidate& candidate : candidates) {
    if (candidate.route >= best) return best;
    if (covers_path(candidate.prefix, path)) return candidate.route;
  }
  return best;
}

size_t Router::first_match(const HostIndex& index, std::string_view host, std::string_view path,
                           size_t best) {
  const auto found = index.find(host);
  return found == index.end() ? best : first_match(found->second, path, best);
}

std::optional<size_t> Router::match(std::string_view authority, std::string_view path) const {
  size_t best = first_match(any_, path, routes_.size());
  const std::string_view sent = host_of(authority);
  if (!sent.empty() && sent.size() <= kLongestHost) {
    std::array<char, kLongestHost> letters;
    std::transform(sent.begin(), sent.end(), letters.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const std::string_view host(letters.data(), sent.size());
    best = first_match(exact_, host, path, best);
    if (!below_.empty()) {
      for (size_t dot = host.find('.'); dot != std::string_view::npos;
           dot = host.find('.', dot + 1)) {
        if (dot > 0) best = first_match(below_, host.substr(dot + 1), path, best);
      }
    }
  }
  if (best == routes_.size()) return std::nullopt;
  return best;
}

}  // namespace flaskscale::config
