// An operation of ours that is not known to be over.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "scaler/providers/gce_api.h"

namespace flaskscale::scaler {

struct GcePending {
  GceVerb verb = GceVerb::create;
  std::string operation;  // its name
  std::string request_id;
  std::vector<std::string> names;  // of the instances
  Time asked_at{};
  Time next_poll_at{};
  std::optional<Time> over_at;  // well, but the list does not show it yet

  // How long to wait before it is asked for again.
  static Duration poll_interval(Duration age);
};

}  // namespace flaskscale::scaler
