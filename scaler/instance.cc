#include "scaler/instance.h"

namespace flaskscale::scaler {

std::string_view to_string(InstanceState state) {
  switch (state) {
    case InstanceState::booting:
      return "booting";
    case InstanceState::warming:
      return "warming";
    case InstanceState::ready:
      return "ready";
    case InstanceState::draining:
      return "draining";
    case InstanceState::standby:
      return "standby";
    case InstanceState::deleting:
      return "deleting";
    case InstanceState::gone:
      return "gone";
    case InstanceState::failed:
      return "failed";
  }
  return "unknown";
}

std::string boot_kind(std::string_view version, std::string_view zone, bool started) {
  std::string kind(version);
  kind += '@';
  kind += zone;
  if (started) kind += " started";
  return kind;
}

}  // namespace flaskscale::scaler
