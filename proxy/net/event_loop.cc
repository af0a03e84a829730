#include "proxy/net/event_loop.h"

#include "base/check.h"
#include "proxy/net/uv_handle.h"

namespace flaskscale::net {

struct EventLoop::Handles {
  UvHandle<uv_async_t> wake;
  UvHandle<uv_prepare_t> turn_start;
  UvHandle<uv_idle_t> no_wait;  // active: events are looked for, not waited for
  UvHandle<uv_check_t> turn_end;
};

EventLoop::EventLoop()
    : loop_(std::make_unique<uv_loop_t>()), handles_(std::make_unique<Handles>()) {
  FS_CHECK(uv_loop_init(loop_.get()) == 0);

  handles_->wake.reset(new uv_async_t);
  FS_CHECK(uv_async_init(loop_.get(), handles_->wake.get(), [](uv_async_t* handle) {
             if (handle->data != nullptr) static_cast<EventLoop*>(handle->data)->run_posted();
           }) == 0);
  handles_->wake->data = this;

  handles_->turn_start.reset(new uv_prepare_t);
  uv_prepare_init(loop_.get(), handles_->turn_start.get());
  handles_->turn_start->data = this;
  uv_prepare_start(handles_->turn_start.get(), [](uv_prepare_t* handle) {
    static_cast<EventLoop*>(handle->data)->prepare_to_wait();
  });

  handles_->no_wait.reset(new uv_idle_t);
  uv_idle_init(loop_.get(), handles_->no_wait.get());

  handles_->turn_end.reset(new uv_check_t);
  uv_check_init(loop_.get(), handles_->turn_end.get());
  handles_->turn_end->data = this;
  uv_check_start(handles_->turn_end.get(),
                 [](uv_check_t* handle) { static_cast<EventLoop*>(handle->data)->end_turn(); });
}

EventLoop::~EventLoop() {
  turn_end_ = nullptr;
  before_wait_ = nullptr;
  running_.clear();
  posted_.clear();
  end_turn();
  handles_.reset();
  uv_run(loop_.get(), UV_RUN_DEFAULT);  // may return at once for a stop() still pending …
  uv_run(loop_.get(), UV_RUN_DEFAULT);  // … so once more, for the close callbacks
  // A handle that is still open here has outlived its owner's loop: a lifetime bug.
  FS_CHECK(uv_loop_close(loop_.get()) == 0);
}

void EventLoop::run() {
  thread_ = std::this_thread::get_id();
  while (!stopping_.load()) uv_run(loop_.get(), UV_RUN_DEFAULT);
  end_turn();
}

void EventLoop::stop() {
  stopping_.store(true);
  post([this] { uv_stop(loop_.get()); });
}

void EventLoop::post(std::function<void()> task) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (was_empty) uv_async_send(handles_->wake.get());
}

void EventLoop::retire(std::unique_ptr<Retired> object) { retired_.push_back(std::move(object)); }

void EventLoop::refresh_now() {
  now_ = Clock::now();
  now_is_fresh_ = true;
}

void EventLoop::run_posted() {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& task : running_) task();
  running_.clear();
}

void EventLoop::prepare_to_wait() {
  if (turn_end_) turn_end_();
  now_is_fresh_ = false;
  if (before_wait_ && before_wait_()) {
    uv_idle_start(handles_->no_wait.get(), [](uv_idle_t*) {});
    if (turn_end_) turn_end_();
    now_is_fresh_ = false;
  } else {
    uv_idle_stop(handles_->no_wait.get());
  }
}

void EventLoop::end_turn() {
  now_is_fresh_ = false;
  if (turn_end_) turn_end_();
  // Destructors may retire further objects.
  while (!retired_.empty()) {
    std::vector<std::unique_ptr<Retired>> batch;
    batch.swap(retired_);
    batch.clear();
  }
}

}  // namespace flaskscale::net
