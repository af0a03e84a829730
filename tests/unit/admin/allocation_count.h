// How often this thread has called operator new. Under the thread sanitizer, which brings its own,
// nothing is counted.
#pragma once

#include <cstdint>

namespace flaskscale {

bool counts_allocations();
uint64_t allocations_of_this_thread();

}  // namespace flaskscale
