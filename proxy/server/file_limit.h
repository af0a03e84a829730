// How many descriptors the process may open.
#pragma once

#include "proxy/config/model.h"

namespace flaskscale::server {

// Raises the limit to what the configured number of connections needs; warns when the system
// forbids it.
void raise_file_limit(const config::Model& model);

}  // namespace flaskscale::server
