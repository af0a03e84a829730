// An event of a pool's scaling as hooks get it.
#pragma once

#include <string>

#include "scaler/event.h"

namespace flaskscale::server {

// One line of JSON, version 1 of the schema in docs/hooks.md. `id` is the same for each try of the
// same event, and no other's; `source` says which program it comes from.
std::string render_event(const scaler::Event& event, const std::string& id,
                         const std::string& source);

}  // namespace flaskscale::server
