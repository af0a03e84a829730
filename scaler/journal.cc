#include "scaler/journal.h"

namespace flaskscale::scaler {

std::string_view to_string(Intent intent) {
  switch (intent) {
    case Intent::create:
      return "create";
    case Intent::serve:
      return "serve";
    case Intent::drain:
      return "drain";
    case Intent::stop:
      return "stop";
    case Intent::start:
      return "start";
    case Intent::remove:
      return "remove";
  }
  return "unknown";
}

}  // namespace flaskscale::scaler
