#include "proxy/config/provider_models.h"

namespace flaskscale::config {

std::string_view to_string(ProviderKind kind) {
  switch (kind) {
    case ProviderKind::process:
      return "process";
    case ProviderKind::docker:
      return "docker";
    case ProviderKind::gce:
      return "gce";
    case ProviderKind::exec:
      return "exec";
  }
  return "unknown";
}

}  // namespace flaskscale::config
