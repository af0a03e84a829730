#include "tests/support/gce/discovery_file.h"

#include <cstdlib>
#include <string_view>

namespace flaskscale::emulator {

std::string discovery_path() {
  const char* shared = std::getenv("FLASKSCALE_SHARED");
  if (shared != nullptr && *shared != '\0') {
    return std::string(shared) + "/gce/compute.v1.merged.json";
  }
  return FLASKSCALE_GCE_DISCOVERY;
}

Result<std::shared_ptr<const Discovery>> discovery_for_tests() {
  static const Result<std::shared_ptr<const Discovery>> kLoaded = Discovery::load(discovery_path());
  return kLoaded;
}

bool must_have_discovery() {
  const char* value = std::getenv("FLASKSCALE_CI");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace flaskscale::emulator
