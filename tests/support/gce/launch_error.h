// Why a machine could not be made or started, as the API words it.
#pragma once

#include <string>

namespace flaskscale::emulator {

struct LaunchError {
  std::string code;
  std::string message;
};

}  // namespace flaskscale::emulator
