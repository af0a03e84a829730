// Tells whoever started the program that it serves, and where.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/admin/status_model.h"

namespace flaskscale::server {

// Writes {"pid":…,"admin":"host:port","listeners":{"name":["host:port"]}} in one step (a reader
// never sees a part).
Result<void> write_ready(const std::string& path, const std::string& admin_address,
                         const std::vector<admin::ListenerStatus>& listeners);

}  // namespace flaskscale::server
