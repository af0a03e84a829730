#include "proxy/net/timer.h"

#include <chrono>

#include "base/check.h"
#include "proxy/net/uv_handle.h"

namespace flaskscale::net {
namespace {

uint64_t milliseconds(Duration d) {
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

void on_timer(uv_timer_t* timer) {
  if (timer->data != nullptr) (*static_cast<std::function<void()>*>(timer->data))();
}

}  // namespace

Timer::Timer(EventLoop& loop, std::function<void()> on_time)
    : on_time_(std::move(on_time)), timer_(new uv_timer_t) {
  FS_CHECK(uv_timer_init(loop.uv(), timer_) == 0);
  timer_->data = &on_time_;
}

Timer::~Timer() { CloseHandle<uv_timer_t>()(timer_); }

void Timer::start_once(Duration after) { uv_timer_start(timer_, on_timer, milliseconds(after), 0); }

void Timer::start_every(Duration period) {
  uv_timer_start(timer_, on_timer, milliseconds(period), milliseconds(period));
}

void Timer::stop() { uv_timer_stop(timer_); }

}  // namespace flaskscale::net
