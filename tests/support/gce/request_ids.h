// Which call a request id has made, so that its repetition acts only once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

class RequestIds {
 public:
  struct Known {
    std::string call;       // method, path and body
    std::string operation;  // its name
    std::string scope;      // of the operation
    double at = 0;
  };

  RequestIds(const Settings& settings, const Timeline& timeline)
      : settings_(settings), timeline_(timeline) {}

  // A UUID that is not all zero.
  static bool is_valid(std::string_view id);

  std::optional<Known> find(const std::string& id);
  void remember(const std::string& id, Known known);
  void forget(const std::string& id) { known_.erase(id); }
  void clear() { known_.clear(); }

 private:
  const Settings& settings_;
  const Timeline& timeline_;
  std::map<std::string, Known> known_;
};

}  // namespace flaskscale::emulator
