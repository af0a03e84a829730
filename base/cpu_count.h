// How many CPUs this process may use.
#pragma once

#include <optional>
#include <string>

namespace flaskscale {

// The scheduler affinity, lowered to the cgroup v2 or v1 CPU quota rounded up; at least 1.
unsigned usable_cpus();

// The smallest CPU quota of this process's cgroup and its parents, rounded up to whole CPUs, at
// least 1; none if nothing limits it. `root` is where /proc and /sys are found: "" but for tests.
std::optional<unsigned> cgroup_cpu_limit(const std::string& root);

}  // namespace flaskscale
