// The backend that a machine runs when no command is given.
#pragma once

#include <cstdint>
#include <string>

namespace flaskscale::emulator {

struct BuiltinBackend {
  std::string host;
  uint16_t port = 0;
  std::string name;
  std::string id;

  // Serves until SIGTERM, which must be blocked in all threads; then finishes what runs. GET
  // /healthz: 200. Any other path: 200 and "NAME ID"; `?ms=N` after N milliseconds, `?status=S`
  // with another status. The program's exit status.
  int run() const;
};

}  // namespace flaskscale::emulator
