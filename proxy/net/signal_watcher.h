// A signal as an event of a loop.
#pragma once

#include <functional>

#include "proxy/net/event_loop.h"

struct uv_signal_s;

namespace flaskscale::net {

// Loop thread only.
class SignalWatcher {
 public:
  SignalWatcher(EventLoop& loop, int signal_number, std::function<void()> on_signal);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  std::function<void()> on_signal_;
  uv_signal_s* signal_;
};

}  // namespace flaskscale::net
