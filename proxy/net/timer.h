// Calls a function after a while, once or again and again.
#pragma once

#include <functional>
#include <memory>

#include "base/time.h"
#include "proxy/net/event_loop.h"

struct uv_timer_s;

namespace flaskscale::net {

// Loop thread only. For a few timers of long life; per-request deadlines go on a TimeoutList.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> on_time);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start_once(Duration after);
  void start_every(Duration period);
  void stop();

 private:
  std::function<void()> on_time_;
  uv_timer_s* timer_;
};

}  // namespace flaskscale::net
