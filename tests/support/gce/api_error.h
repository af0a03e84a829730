// An error response of Google's APIs.
#pragma once

#include <string>

#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

struct ApiError {
  int status = 400;
  std::string reason;  // "invalid"
  std::string message;
  std::string detail_reason;  // of details[]; empty: none

  Json body() const;
};

inline Json ApiError::body() const {
  const bool of_quota = reason == "rateLimitExceeded" || reason == "quotaExceeded";
  Json error = {{"code", status},
                {"message", message},
                {"errors", Json::array({{{"domain", of_quota ? "usageLimits" : "global"},
                                         {"message", message},
                                         {"reason", reason}}})}};
  if (!detail_reason.empty()) {
    error["details"] = Json::array({{{"@type", "type.googleapis.com/google.rpc.ErrorInfo"},
                                     {"domain", "compute.googleapis.com"},
                                     {"reason", detail_reason},
                                     {"metadatas", {{"containerType", "PROJECT"}}}}});
  }
  return {{"error", std::move(error)}};
}

}  // namespace flaskscale::emulator
