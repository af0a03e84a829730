#include "scaler/provider.h"

namespace flaskscale::scaler {

std::string_view to_string(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::none:
      return "none";
    case Obstacle::capacity:
      return "stockout";
    case Obstacle::quota:
      return "quota";
    case Obstacle::configuration:
      return "configuration";
    case Obstacle::other:
      return "failed";
  }
  return "unknown";
}

Obstacle obstacle_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::out_of_capacity:
      return Obstacle::capacity;
    case ErrorCode::quota_exceeded:
      return Obstacle::quota;
    case ErrorCode::misconfigured:
    case ErrorCode::permission_denied:
      return Obstacle::configuration;
    default:
      return Obstacle::other;
  }
}

Result<void> Provider::stop(const InstanceCall& /*call*/) {
  return make_error(ErrorCode::unsupported, "this provider can't stop instances");
}

Result<void> Provider::start(const InstanceCall& /*call*/) {
  return make_error(ErrorCode::unsupported, "this provider can't start instances");
}

}  // namespace flaskscale::scaler
