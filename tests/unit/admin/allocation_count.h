// How often this thread has called operator new.
#pragma once

#include <cstdint>

namespace flaskscale {

uint64_t allocations_of_this_thread();

}  // namespace flaskscale
