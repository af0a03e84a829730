// The program's own log (not the access log): spdlog to standard error.
#pragma once

#include <spdlog/spdlog.h>

namespace flaskscale {

// Sets format and level once, at start; `debug` in the environment variable FLASKSCALE_LOG raises
// the level.
void set_up_log();

}  // namespace flaskscale
