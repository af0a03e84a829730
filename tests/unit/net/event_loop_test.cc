#include "proxy/net/event_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/net/background.h"
#include "proxy/net/signal_watcher.h"
#include "proxy/net/timer.h"
#include "tests/support/loop_thread.h"

namespace flaskscale::net {
namespace {

using std::chrono::milliseconds;

// Tells when it is destroyed.
class Witness final : public Retired {
 public:
  explicit Witness(std::function<void()> on_end) : on_end_(std::move(on_end)) {}
  ~Witness() override { on_end_(); }

 private:
  std::function<void()> on_end_;
};

TEST(EventLoop, RunsTasksOfEachThreadInOrderOfPosting) {
  constexpr size_t kThreads = 4;
  constexpr size_t kTasks = 2000;
  LoopThread side;
  std::vector<std::vector<size_t>> seen(kThreads);  // loop thread
  std::vector<std::thread> posters;
  for (size_t t = 0; t < kThreads; ++t) {
    posters.emplace_back([&, t] {
      for (size_t i = 0; i < kTasks; ++i) side.loop().post([&seen, t, i] { seen[t].push_back(i); });
    });
  }
  for (auto& poster : posters) poster.join();

  side.call([] {});
  for (const auto& of_one : seen) {
    ASSERT_EQ(of_one.size(), kTasks);
    for (size_t i = 0; i < kTasks; ++i) ASSERT_EQ(of_one[i], i);
  }
}

TEST(EventLoop, RunsTasksPostedFromTasks) {
  EventLoop loop;
  std::string order;
  loop.post([&] {
    order += 'a';
    loop.post([&] {
      order += 'c';
      loop.post([&] {
        order += 'd';
        loop.stop();
      });
    });
  });
  loop.post([&] { order += 'b'; });

  loop.run();

  EXPECT_EQ(order, "abcd");
}

TEST(EventLoop, StopsWhenAnotherThreadSaysSo) {
  EventLoop loop;
  std::atomic<bool> running{false};
  loop.post([&] { running = true; });
  std::thread other([&] {
    while (!running) std::this_thread::yield();
    loop.stop();
  });

  loop.run();

  other.join();
}

TEST(EventLoop, DoesNotRunAtAllWhenStoppedBefore) {
  EventLoop loop;
  loop.stop();
  loop.run();
}

TEST(EventLoop, DestroysTasksThatItNeverRan) {
  auto token = std::make_shared<int>(0);
  bool ran = false;
  {
    EventLoop loop;
    loop.stop();
    loop.run();
    loop.post([token, &ran] { ran = true; });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(token.use_count(), 1);
}

TEST(EventLoop, KnowsItsThread) {
  LoopThread side;
  EXPECT_TRUE(side.call([&] { return side.loop().is_here(); }));
  EXPECT_FALSE(side.loop().is_here());
}

TEST(EventLoop, DestroysRetiredAfterTheTurn) {
  LoopThread side;
  bool ended = false;
  const bool ended_inside = side.call([&] {
    side.loop().retire(std::make_unique<Witness>([&] { ended = true; }));
    return ended;
  });
  EXPECT_FALSE(ended_inside);
  EXPECT_TRUE(side.eventually([&] { return ended; }));
}

TEST(EventLoop, DestroysWhatDestructorsRetire) {
  LoopThread side;
  int ended = 0;
  side.call([&] {
    EventLoop& loop = side.loop();
    for (int i = 0; i < 3; ++i) {
      loop.retire(std::make_unique<Witness>([&] {
        ++ended;
        for (int j = 0; j < 10; ++j) loop.retire(std::make_unique<Witness>([&] { ++ended; }));
      }));
    }
  });
  EXPECT_TRUE(side.eventually([&] { return ended == 33; }));
}

TEST(EventLoop, DestroysWhatIsStillRetiredWithItself) {
  int ended = 0;
  {
    EventLoop loop;
    loop.stop();
    loop.run();
    for (int i = 0; i < 3; ++i) {
      loop.retire(std::make_unique<Witness>([&] {
        ++ended;
        for (int j = 0; j < 10; ++j) loop.retire(std::make_unique<Witness>([&] { ++ended; }));
      }));
    }
  }
  EXPECT_EQ(ended, 33);
}

TEST(EventLoop, CallsTheHookBeforeItDestroysTheRetired) {
  std::string order;  // the hook outlives the test
  LoopThread side;
  side.call([&] {
    side.loop().at_turn_end([&] {
      if (order == "task ") order += "hook ";
    });
    side.loop().retire(std::make_unique<Witness>([&] { order += "end"; }));
    order += "task ";
  });
  ASSERT_TRUE(side.eventually([&] { return order.ends_with("end"); }));
  EXPECT_EQ(side.call([&] { return order; }), "task hook end");
}

TEST(EventLoop, DoesNotWaitWhileTheHookHasSomethingToDo) {
  LoopThread side;
  int left = 0;
  int ends = 0;
  side.call([&] {
    side.loop().at_turn_end([&] { ++ends; });
    side.loop().before_wait([&] { return left > 0 && left-- > 0; });
    left = 1000;
  });
  ASSERT_TRUE(side.eventually([&] { return left == 0; }));
  side.call([&] {
    EXPECT_GE(ends, 3000);  // after the events, before the hook, after it
    side.loop().before_wait(nullptr);
    side.loop().at_turn_end(nullptr);
  });
}

TEST(EventLoop, TimeStandsStillWithinATurnAndGoesOnAfterwards) {
  LoopThread side;
  const Time first = side.call([&] {
    const Time at = side.loop().now();
    while (Clock::now() == at) {
    }
    EXPECT_EQ(side.loop().now(), at);
    return at;
  });
  EXPECT_TRUE(side.eventually([&] { return side.loop().now() > first; }));
}

TEST(Timer, CallsOnceAfterTheTime) {
  LoopThread side;
  int calls = 0;
  auto& timer = side.keep<Timer>(side.loop(), [&] { ++calls; });
  const Time began = Clock::now();
  side.call([&] { timer.start_once(milliseconds(20)); });
  ASSERT_TRUE(side.eventually([&] { return calls > 0; }));
  EXPECT_GE(Clock::now() - began, milliseconds(19));

  // A later timer has come, the first has not come again.
  bool later = false;
  auto& other = side.keep<Timer>(side.loop(), [&] { later = true; });
  side.call([&] { other.start_once(milliseconds(60)); });
  ASSERT_TRUE(side.eventually([&] { return later; }));
  EXPECT_EQ(side.call([&] { return calls; }), 1);
}

TEST(Timer, CallsAgainAndAgainUntilStopped) {
  LoopThread side;
  int calls = 0;
  auto& timer = side.keep<Timer>(side.loop(), [&] { ++calls; });
  side.call([&] { timer.start_every(milliseconds(2)); });
  ASSERT_TRUE(side.eventually([&] { return calls >= 5; }));
  const int at_stop = side.call([&] {
    timer.stop();
    return calls;
  });

  bool later = false;
  auto& other = side.keep<Timer>(side.loop(), [&] { later = true; });
  side.call([&] { other.start_once(milliseconds(20)); });
  ASSERT_TRUE(side.eventually([&] { return later; }));
  EXPECT_EQ(side.call([&] { return calls; }), at_stop);
}

TEST(Timer, IsSilentOnceDestroyed) {
  LoopThread side;
  bool gone = false;
  std::unique_ptr<Timer> timer;
  side.call([&] {
    timer = std::make_unique<Timer>(side.loop(), [&] {
      side.loop().post([&] {
        timer.reset();
        gone = true;
      });
    });
    timer->start_every(milliseconds(1));
  });
  EXPECT_TRUE(side.eventually([&] { return gone; }));
}

TEST(RunInBackground, WorksElsewhereAndEndsOnTheLoop) {
  LoopThread side;
  std::thread::id worked;
  std::thread::id ended;
  side.call([&] {
    run_in_background(
        side.loop(), [&] { worked = std::this_thread::get_id(); },
        [&] { ended = std::this_thread::get_id(); });
  });
  ASSERT_TRUE(side.eventually([&] { return ended != std::thread::id(); }));
  EXPECT_EQ(ended, side.call([] { return std::this_thread::get_id(); }));
  EXPECT_NE(worked, ended);
  EXPECT_NE(worked, std::this_thread::get_id());
}

TEST(RunInBackground, IsWaitedForByTheLoopsDestructor) {
  std::atomic<bool> go{false};
  std::atomic<int> ends{0};
  auto side = std::make_unique<LoopThread>();
  side->call([&] {
    run_in_background(
        side->loop(),
        [&] {
          while (!go) std::this_thread::yield();
        },
        [&] { ++ends; });
  });
  side->finish();
  EXPECT_EQ(ends, 0);
  go = true;
  side.reset();
  EXPECT_EQ(ends, 1);
}

TEST(Resolve, FindsNumericHostsWithTheirPort) {
  const auto found = resolve({"127.0.0.1", 8080});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().to_string(), "127.0.0.1:8080");
}

TEST(Resolve, NamesTheHostThatItDoesNotFind) {
  const auto found = resolve({"no such host", 80});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::resolve_failed);
  EXPECT_NE(found.error().detail.find("no such host"), std::string::npos);
}

TEST(SignalWatcher, TurnsASignalIntoACall) {
  LoopThread side;
  int calls = 0;
  auto& watcher = side.keep<SignalWatcher>(side.loop(), SIGUSR1, [&] { ++calls; });
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_TRUE(side.eventually([&] { return calls == 1; }));
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_TRUE(side.eventually([&] { return calls == 2; }));
  side.drop(watcher);
}

}  // namespace
}  // namespace flaskscale::net
