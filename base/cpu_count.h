// How many CPUs this process may use.
#pragma once

namespace flaskscale {

// The scheduler affinity, lowered to the cgroup v2 or v1 CPU quota rounded up; at least 1.
unsigned usable_cpus();

}  // namespace flaskscale
