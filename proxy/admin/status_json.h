// The admin listener's JSON documents. Each ends with a newline and is valid JSON whatever the
// values hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/status_model.h"

namespace flaskscale::admin {

// "2026-01-02T03:04:05.678Z".
std::string format_wall_time(int64_t milliseconds);

// Counts without a limit (`slots`, a backend's `limit`) are null.
std::string render_status(const ServerStatus& status);
std::string render_decisions(std::string_view pool, const std::vector<DecisionEntry>& decisions);
std::string render_change(const BackendChange& change);
std::string render_error(std::string_view message);

}  // namespace flaskscale::admin
