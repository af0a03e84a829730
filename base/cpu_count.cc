#include "base/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace flaskscale {
namespace {

// One line of /proc/self/cgroup: "4:cpu,cpuacct:/docker/x", or "0::/x" for version 2.
struct Membership {
  std::string controllers;
  std::string path;
};

std::vector<Membership> read_memberships(const std::string& root) {
  std::vector<Membership> memberships;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    if (first == std::string::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    memberships.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return memberships;
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu") return true;
    if (comma == std::string_view::npos) return false;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

std::optional<unsigned> whole_cpus(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  const int64_t cpus = quota / period + (quota % period == 0 ? 0 : 1);
  return static_cast<unsigned>(std::clamp<int64_t>(cpus, 1, 1 << 20));
}

// cpu.max is "max 100000" or "150000 100000".
std::optional<unsigned> quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  int64_t period = 0;
  if (!(file >> quota >> period) || quota == "max") return std::nullopt;
  int64_t microseconds = 0;
  if (!(std::istringstream(quota) >> microseconds)) return std::nullopt;
  return whole_cpus(microseconds, period);
}

// cpu.cfs_quota_us is -1 where there is no limit.
std::optional<unsigned> quota_v1(const std::string& folder) {
  int64_t quota = 0;
  int64_t period = 0;
  if (!(std::ifstream(folder + "/cpu.cfs_quota_us") >> quota)) return std::nullopt;
  if (!(std::ifstream(folder + "/cpu.cfs_period_us") >> period)) return std::nullopt;
  return whole_cpus(quota, period);
}

void lower_to(std::optional<unsigned>& limit, std::optional<unsigned> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

// From the process's own group up to the mount: a parent's quota holds for its children. Inside a
// container the path may not be visible, and the mount itself is the group.
template <typename ReadQuota>
std::optional<unsigned> smallest_quota(const std::string& mount, std::string path,
                                       ReadQuota read_quota) {
  std::optional<unsigned> limit;
  while (!path.empty() && path != "/") {
    lower_to(limit, read_quota(mount + path));
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  lower_to(limit, read_quota(mount));
  return limit;
}

unsigned affinity_cpus() {
  // The kernel refuses a mask that is smaller than its own.
  for (size_t bits = 1024; bits <= (1U << 20U); bits *= 4) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(bits) / sizeof(cpu_set_t) + 1);
    const size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) {
      return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, mask.data())));
    }
    if (errno != EINVAL) break;
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

std::optional<unsigned> cgroup_cpu_limit(const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::optional<unsigned> limit;
  for (const Membership& membership : read_memberships(root)) {
    if (membership.controllers.empty()) {
      lower_to(limit, smallest_quota(mounts, membership.path, quota_v2));
      lower_to(limit, smallest_quota(mounts + "/unified", membership.path, quota_v2));
    } else if (names_cpu(membership.controllers)) {
      lower_to(limit,
               smallest_quota(mounts + "/" + membership.controllers, membership.path, quota_v1));
      lower_to(limit, smallest_quota(mounts + "/cpu", membership.path, quota_v1));
    }
  }
  return limit;
}

unsigned usable_cpus() {
  const unsigned cpus = affinity_cpus();
  return std::min(cpus, cgroup_cpu_limit("").value_or(cpus));
}

}  // namespace flaskscale
