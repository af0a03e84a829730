// The scaler over real processes, its calls on other threads as in the program.
#include <gtest/gtest.h>
#include <signal.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "scaler/journal_sqlite.h"
#include "scaler/pool_scaler.h"
#include "scaler/providers/process_provider.h"
#include "tests/unit/scaler/fakes.h"

namespace flaskscale::scaler {
namespace {

class ThreadExecutor : public BlockingExecutor {
 public:
  ~ThreadExecutor() override {
    for (std::thread& thread : threads_) thread.join();
  }
  void run(std::function<void()> blocking, std::function<void()> then) override {
    threads_.emplace_back([this, blocking = std::move(blocking), then = std::move(then)] {
      blocking();
      const std::lock_guard lock(mutex_);
      finished_.push_back(then);
      changed_.notify_one();
    });
  }
  // Runs the completions that come within `wait`.
  void turn(std::chrono::milliseconds wait) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    std::unique_lock lock(mutex_);
    while (changed_.wait_until(lock, deadline, [this] { return !finished_.empty(); })) {
      auto then = std::move(finished_.front());
      finished_.erase(finished_.begin());
      lock.unlock();
      then();
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> finished_;
  std::vector<std::thread> threads_;
};

TEST(ProcessPool, GrowsReplacesAKilledInstanceAndEndsAll) {
  std::string pattern = std::filesystem::temp_directory_path() / "flaskscale-test-XXXXXX";
  const std::filesystem::path state_dir = mkdtemp(pattern.data());
  ProcessSettings settings;
  settings.pool = "demo";
  settings.command = {"sleep", "1000"};
  settings.state_dir = state_dir;
  Policy policy;
  policy.min = 3;
  ProcessProvider provider(settings, Random(5));
  auto journal = SqliteJournal::open(state_dir / "journal.sqlite");
  ASSERT_TRUE(journal.has_value());
  ThreadExecutor executor;
  FakeMembership membership;
  Random random{5};
  PoolScaler scaler("demo", policy,
                    {provider, executor, membership, random, journal->get(), nullptr});
  Time now{std::chrono::hours(1)};
  int seconds = 0;
  const auto until = [&](auto condition) {
    for (int i = 0; i < 500; ++i) {
      now += std::chrono::seconds(1);
      scaler.tick({}, now, WallTime{} + std::chrono::seconds(++seconds));
      executor.turn(std::chrono::milliseconds(20));
      if (condition(scaler.status(now).instances)) return true;
    }
    return false;
  };
  const auto three_ready = [](const std::vector<InstanceStatus>& all) {
    return all.size() == 3 && std::all_of(all.begin(), all.end(), [](const auto& instance) {
             return instance.state == InstanceState::ready;
           });
  };
  ASSERT_TRUE(until(three_ready));
  const InstanceStatus victim = scaler.status(now).instances[1];

  ASSERT_EQ(kill(static_cast<pid_t>(std::stoi(victim.id)), SIGKILL), 0);
  ASSERT_TRUE(until([&](const auto& all) {
    return three_ready(all) && std::none_of(all.begin(), all.end(), [&](const auto& instance) {
             return instance.name == victim.name;
           });
  }));
  EXPECT_EQ(membership.members.size(), 3U);
  EXPECT_GE((*journal)->entries("demo")->size(), 3U);

  scaler.stop_instances(now);
  EXPECT_TRUE(until([&](const auto&) { return scaler.idle(); }));
  EXPECT_TRUE(scaler.status(now).instances.empty());
  EXPECT_TRUE((*journal)->entries("demo")->empty());
  EXPECT_TRUE((*journal)->memory("demo")->has_value());
  std::filesystem::remove_all(state_dir);
}

}  // namespace
}  // namespace flaskscale::scaler
