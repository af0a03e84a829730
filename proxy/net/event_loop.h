// One libuv loop, run by one thread; the only road into that thread is post().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"

struct uv_loop_s;

namespace flaskscale::net {

// What may still be on the call stack when it is done with. See EventLoop::retire().
class Retired {
 public:
  virtual ~Retired() = default;
};

class EventLoop {
 public:
  EventLoop();
  // Runs the loop until all its handles are closed. The thread of run(), or after it ended.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until stop(). The calling thread becomes the loop's thread.
  void run();

  // Any thread. run() returns after the callbacks of this turn.
  void stop();

  // Runs `task` on the loop's thread, in order of posting. Any thread. Tasks posted after the loop
  // has stopped are destroyed with the loop, not run.
  void post(std::function<void()> task);

  // Loop thread only, from here on.

  // The time at which this turn's events were seen.
  Time now() {
    if (!now_is_fresh_) refresh_now();
    return now_;
  }

  // Destroys `object` after the callbacks of this turn, so that its methods may still be running.
  void retire(std::unique_ptr<Retired> object);

  // Calls `hook` at the end of each turn, after all callbacks, and before the loop waits, so that
  // what timers began does not wait for events. One hook.
  void at_turn_end(std::function<void()> hook) { turn_end_ = std::move(hook); }

  // Calls `hook` when the turn has ended and the loop would wait. True: it has done something; the
  // turn ends once more, and the loop only looks whether there are events. One hook.
  void before_wait(std::function<bool()> hook) { before_wait_ = std::move(hook); }

  bool is_here() const { return thread_ == std::this_thread::get_id(); }

  // For the classes of proxy/net.
  uv_loop_s* uv() { return loop_.get(); }

 private:
  struct Handles;
  void refresh_now();
  void run_posted();
  void end_turn();
  void prepare_to_wait();

  std::unique_ptr<uv_loop_s> loop_;
  std::unique_ptr<Handles> handles_;
  std::thread::id thread_;
  Time now_{};
  bool now_is_fresh_ = false;
  std::vector<std::unique_ptr<Retired>> retired_;
  std::function<void()> turn_end_;
  std::function<bool()> before_wait_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // Guarded by mutex_.
  std::vector<std::function<void()>> running_;
  std::atomic<bool> stopping_{false};
};

}  // namespace flaskscale::net
