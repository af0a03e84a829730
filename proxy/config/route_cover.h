// Finds routes that no request can reach because earlier ones take them all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/model.h"

namespace flaskscale::config {

class RouteCover {
 public:
  // Adds the next route of the file. Where each of its hosts and paths is already taken by an
  // earlier route: the place of the one that takes the first of them.
  std::optional<Source> add(const RouteModel& route);

 private:
  struct Taken {
    std::string prefix;
    Source source;
  };

  const Taken* find(const std::string& host, std::string_view path) const;
  const Taken* find_at(const std::string& pattern, std::string_view path) const;

  // By host as in RouteModel; "" is any.
  std::unordered_map<std::string, std::vector<Taken>> taken_;
};

}  // namespace flaskscale::config
