// Which route takes a request: by host and path prefix, the first in the file that matches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/model.h"

namespace flaskscale::config {

// Immutable: any thread. Hosts are compared without case, port and a trailing dot; "*.example.com"
// stands for one or more labels below. Paths are compared as they were sent, byte by byte: "/%61pi"
// is not "/api", nor is "/x/../api".
class Router {
 public:
  explicit Router(std::vector<RouteModel> routes);

  const std::vector<RouteModel>& routes() const { return routes_; }

  // The index of the first matching route. `authority`: "host", "host:port", "[::1]:80" or empty,
  // which only routes without hosts take. `path`: with or without a query. No allocation; time
  // grows with the labels of the host and the path prefixes of routes with the same host, not with
  // the number of hosts.
  std::optional<size_t> match(std::string_view authority, std::string_view path) const;

 private:
  struct Candidate {
    uint32_t route;
    std::string prefix;
  };
  using Candidates = std::vector<Candidate>;  // ordered by route

  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using HostIndex = std::unordered_map<std::string, Candidates, TextHash, std::equal_to<>>;

  void add(const std::string& host, uint32_t route, const std::string& prefix);
  static size_t first_match(const Candidates& candidates, std::string_view path, size_t best);
  static size_t first_match(const HostIndex& index, std::string_view host, std::string_view path,
                            size_t best);

  const std::vector<RouteModel> routes_;
  HostIndex exact_;
  HostIndex below_;  // by what follows the "*" and its dot
  Candidates any_;
};

}  // namespace flaskscale::config
