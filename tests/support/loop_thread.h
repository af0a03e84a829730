// An event loop on a thread of its own, and the ways for a test to act on it and to wait for it.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/net/event_loop.h"

namespace flaskscale {

class LoopThread {
 public:
  static constexpr std::chrono::seconds kPatience{20};  // a deadline, never a duration

  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() { finish(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  net::EventLoop& loop() { return loop_; }

  // Runs `task` on the loop's thread and returns what it returns.
  template <typename Task>
  auto call(Task task) -> decltype(task()) {
    std::promise<decltype(task())> done;
    auto result = done.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<decltype(task())>) {
        task();
        done.set_value();
      } else {
        done.set_value(task());
      }
    });
    return result.get();
  }

  // Asks on the loop's thread, each turn, until the answer is yes; false after kPatience.
  template <typename Condition>
  bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!call([&] { return static_cast<bool>(condition()); })) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  // Makes an object on the loop's thread. It lives until finish() or drop().
  template <typename T, typename... Args>
  T& keep(Args&&... args) {
    return *call([&] {
      auto made = std::make_shared<T>(std::forward<Args>(args)...);
      kept_.push_back(made);
      return made.get();
    });
  }
  template <typename T>
  void drop(T& object) {
    call([&] { std::erase_if(kept_, [&](const auto& one) { return one.get() == &object; }); });
  }

  // Destroys what is kept, newest first, and ends the thread.
  void finish() {
    if (!thread_.joinable()) return;
    call([this] {
      while (!kept_.empty()) kept_.pop_back();
    });
    loop_.stop();
    thread_.join();
  }

 private:
  net::EventLoop loop_;
  std::vector<std::shared_ptr<void>> kept_;  // loop thread
  std::thread thread_;
};

}  // namespace flaskscale
