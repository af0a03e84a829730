// What a reload changes, key by key.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/model.h"

namespace flaskscale::config {

// Values as in the file, texts in quotes; "" is the side on which there is nothing. Of a pool,
// listener or scaling that comes or goes only its own key is named, the other side being "present".
// Values of environment variables are hidden. Routes have no names: key "routes", values such as
// "shop.example.com/api -> shop".
struct Change {
  std::string key;  // "pools.shop.queue.limit"
  std::string before;
  std::string after;
  bool operator==(const Change&) const = default;
};

struct Diff {
  std::vector<Change> changes;  // that apply at once
  std::vector<Change>
      need_restart;  // that wait for the next start: server.workers, server.state_dir
  bool empty() const { return changes.empty() && need_restart.empty(); }
};

Diff compare(const Model& before, const Model& after);

}  // namespace flaskscale::config
