// What this process uses of the machine.
#pragma once

#include <cstdint>

namespace flaskscale::admin {

// 0 where the system does not say.
struct ProcessUsage {
  double cpu_seconds = 0;  // user and system
  uint64_t resident_bytes = 0;
  uint64_t open_descriptors = 0;
  uint64_t max_descriptors = 0;
};

// Reads /proc/self: tens of microseconds, so not for a worker.
ProcessUsage read_process_usage();

}  // namespace flaskscale::admin
