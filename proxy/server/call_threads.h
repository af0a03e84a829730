// Threads of their own for calls that block for seconds, so that they never starve those of the
// event loop.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "proxy/net/event_loop.h"

namespace flaskscale::server {

// As many threads as calls are under way, up to kMost; beyond that calls wait their turn. Threads
// stay for later calls. Control loop only.
class CallThreads {
 public:
  static constexpr size_t kMost = 32;

  explicit CallThreads(net::EventLoop& loop) : loop_(loop) {}
  // Waits for the calls under way; what has not begun is destroyed without being called.
  ~CallThreads();
  CallThreads(const CallThreads&) = delete;
  CallThreads& operator=(const CallThreads&) = delete;

  // `blocking` on one of the threads, then `then` on the loop.
  void run(std::function<void()> blocking, std::function<void()> then);

  size_t under_way() const;

 private:
  struct Call {
    std::function<void()> blocking;
    std::function<void()> then;
  };
  void work();

  net::EventLoop& loop_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  std::deque<Call> waiting_;
  size_t busy_ = 0;
  bool stopping_ = false;
};

}  // namespace flaskscale::server
