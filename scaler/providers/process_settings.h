// How the process provider of one pool starts its instances.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

// In the command's words and in the environment's values, {address}, {host}, {port} and {name} are
// replaced.
struct ProcessSettings {
  std::string pool;
  std::vector<std::string> command;  // found on PATH unless it holds a "/"
  std::string directory;             // where it runs; empty: where this program runs
  std::map<std::string, std::string>
      environment;  // beside this program's own, PORT and FLASKSCALE_INSTANCE
  Duration stop_grace = std::chrono::seconds(10);  // SIGTERM to SIGKILL
  std::string state_dir;  // its folder process/<pool>/ is this provider's own
};

// Equal for settings whose instances are interchangeable: command, directory and environment.
std::string fingerprint(const ProcessSettings& settings);

}  // namespace flaskscale::scaler
