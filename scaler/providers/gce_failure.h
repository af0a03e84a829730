// What a refusal of the Compute Engine API means: the error, and what to do before the next call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

enum class GcePause : uint8_t {
  none,
  back_off,     // exponentially, with full jitter
  next_minute,  // nothing until the quota of this minute is full again
};

struct GceFailure {
  Error error;
  GcePause pause = GcePause::none;
  Duration retry_after{};      // the server's own wish; 0: none
  bool token_refused = false;  // 401
  bool may_have_acted = false;
};

// A response whose status is not 2xx; `what` names the call. Judged by errors[].reason and
// details[].reason, then by the status, never by the text, which is for people only.
GceFailure failure_of(const HttpResponse& response, std::string_view what);

// No response, or none that can be read.
GceFailure failure_of(const Error& error, std::string_view what);

// An error that goes by itself: the same call may be made again.
Error transient(ErrorCode code, std::string detail);

// The permission that a 403's message says is missing, to be shown; empty: it names none.
std::string missing_permission(std::string_view message);

}  // namespace flaskscale::scaler
