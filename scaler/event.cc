#include "scaler/event.h"

namespace flaskscale::scaler {

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::decision:
      return "decision";
    case EventKind::instance:
      return "instance";
    case EventKind::alarm:
      return "alarm";
    case EventKind::alarm_end:
      return "alarm_end";
  }
  return "unknown";
}

}  // namespace flaskscale::scaler
