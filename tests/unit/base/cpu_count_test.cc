#include "base/cpu_count.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace flaskscale {
namespace {

// A root folder with its own /proc and /sys.
class CpuCount : public testing::Test {
 protected:
  CpuCount() : root_(make_root()) {}
  ~CpuCount() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  const std::string root_;

 private:
  static std::string make_root() {
    std::string name = testing::TempDir() + "cpu_count_XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    return name;
  }
};

TEST_F(CpuCount, IsAtLeastOneHere) { EXPECT_GE(usable_cpus(), 1U); }

TEST_F(CpuCount, KnowsNoLimitWithoutCgroups) { EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt); }

TEST_F(CpuCount, RoundsTheQuotaOfVersion2Up) {
  write("/proc/self/cgroup", "0::/app\n");
  write("/sys/fs/cgroup/app/cpu.max", "150000 100000\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), 2U);
}

TEST_F(CpuCount, TakesTheSmallestQuotaOfTheParents) {
  write("/proc/self/cgroup", "0::/slice/app\n");
  write("/sys/fs/cgroup/slice/app/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/slice/cpu.max", "300000 100000\n");
  write("/sys/fs/cgroup/cpu.max", "400000 100000\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), 3U);
}

TEST_F(CpuCount, ReadsTheMountWhereThePathIsNotVisible) {
  write("/proc/self/cgroup", "0::/../../elsewhere\n");
  write("/sys/fs/cgroup/cpu.max", "20000 100000\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), 1U);
}

TEST_F(CpuCount, KnowsNoLimitOfMax) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
}

TEST_F(CpuCount, ReadsVersion1) {
  write("/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/x\n3:cpuset:/x\n");
  write("/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "400000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), 4U);
}

TEST_F(CpuCount, KnowsNoLimitOfMinusOneInVersion1) {
  write("/proc/self/cgroup", "4:cpu:/\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
}

TEST_F(CpuCount, IgnoresWhatItCannotRead) {
  write("/proc/self/cgroup", "nonsense\n::\n0::/a\n1:cpu:\n");
  write("/sys/fs/cgroup/a/cpu.max", "lots of it\n");
  write("/sys/fs/cgroup/cpu.max", "100000 0\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "x\n");

  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
}

}  // namespace
}  // namespace flaskscale
