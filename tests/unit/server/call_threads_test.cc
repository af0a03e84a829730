#include "proxy/server/call_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "tests/support/loop_thread.h"

namespace flaskscale::server {
namespace {

// A gate that calls wait at.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, LoopThread::kPatience, [this] { return open_; });
  }
  bool wait_for(int waiting) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, LoopThread::kPatience, [&] { return waiting_ >= waiting; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(CallThreads, RunCallsSideBySideAndTheirEndsOnTheLoop) {
  constexpr int kCalls = 8;
  LoopThread loop;
  CallThreads threads(loop.loop());
  Gate gate;
  std::promise<void> all;
  int ended = 0;
  loop.call([&] {
    for (int i = 0; i < kCalls; ++i) {
      threads.run([&] { gate.pass(); },
                  [&] {
                    EXPECT_TRUE(loop.loop().is_here());
                    if (++ended == kCalls) all.set_value();
                  });
    }
  });

  EXPECT_TRUE(gate.wait_for(kCalls));
  EXPECT_EQ(threads.under_way(), static_cast<size_t>(kCalls));
  gate.open();

  EXPECT_EQ(all.get_future().wait_for(LoopThread::kPatience), std::future_status::ready);
}

TEST(CallThreads, EndWaitsForCallsUnderWayAndForgetsTheOthers) {
  LoopThread loop;
  Gate gate;
  std::atomic<int> begun{0};
  const auto witness = std::make_shared<int>(0);
  std::promise<void> destroyed;
  std::thread end;
  {
    auto threads = std::make_unique<CallThreads>(loop.loop());
    loop.call([&] {
      for (size_t i = 0; i < CallThreads::kMost + 5; ++i) {
        threads->run(
            [&, witness] {
              ++begun;
              gate.pass();
            },
            [witness] {});
      }
    });
    EXPECT_TRUE(gate.wait_for(static_cast<int>(CallThreads::kMost)));
    const CallThreads& ending = *threads;
    end = std::thread([&, threads = std::move(threads)]() mutable {
      threads.reset();
      destroyed.set_value();
    });
    auto done = destroyed.get_future();
    EXPECT_TRUE(loop.eventually([&] { return ending.under_way() == CallThreads::kMost; }));
    EXPECT_EQ(done.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
    gate.open();
    EXPECT_EQ(done.wait_for(LoopThread::kPatience), std::future_status::ready);
  }
  end.join();
  EXPECT_EQ(begun, static_cast<int>(CallThreads::kMost));
  loop.call([] {});
  loop.finish();
  EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace
}  // namespace flaskscale::server
