// What the kernel says about processes: which incarnation a pid is, and who is left in a group.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace flaskscale::scaler {

// A pid alone may be reused; with its start time (clock ticks since boot) and the boot it is
// unique.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_time = 0;
};

// Nothing: there is no such process, or it is a zombie whose end nobody here awaits.
std::optional<uint64_t> start_time_of(pid_t pid);

bool is_alive(const ProcessIdentity& process);

// Whether the group that `leader` founded has members that run, apart from the leader itself. Scans
// /proc.
bool group_has_others(const ProcessIdentity& leader);

// The kernel's random id of this boot; empty when it can't be read.
std::string boot_id();

// How a child of ours ended, for people ("exited with status 1", "killed by signal 9"); nothing
// while it runs. Leaves it a zombie, so that its pid and group stay ours until reap(). For a
// process that is no child of ours the answer comes from /proc and says only that it ended.
std::optional<std::string> end_of(const ProcessIdentity& process);
void reap(const ProcessIdentity& process);

}  // namespace flaskscale::scaler
