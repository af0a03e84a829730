// The server's numbers in the text form that Prometheus reads.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/status_model.h"

namespace flaskscale::admin {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Label values come from the configuration, the scaler and fixed words, never from a request.
std::string render_metrics(const ServerStatus& status);

}  // namespace flaskscale::admin
