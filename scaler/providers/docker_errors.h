// What a Docker engine's refusals mean.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace flaskscale::scaler {

// For an answer that is no success; `what` says what was attempted.
Error docker_error(int status, std::string_view body, const std::string& what);

// The same for the text of a failed pull.
Error docker_pull_error(int status, const std::string& message, const std::string& image);

// The engine's own words in such an answer, in one line.
std::string docker_message(std::string_view body);

// Whether the error says that no answer of the engine came; docker_error() never makes such a one.
bool is_engine_unreachable(const Error& error);

}  // namespace flaskscale::scaler
