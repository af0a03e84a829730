#include "proxy/net/signal_watcher.h"

#include "base/check.h"
#include "proxy/net/uv_handle.h"

namespace flaskscale::net {

SignalWatcher::SignalWatcher(EventLoop& loop, int signal_number, std::function<void()> on_signal)
    : on_signal_(std::move(on_signal)), signal_(new uv_signal_t) {
  FS_CHECK(uv_signal_init(loop.uv(), signal_) == 0);
  signal_->data = &on_signal_;
  uv_signal_start(
      signal_,
      [](uv_signal_t* handle, int) {
        if (handle->data != nullptr) (*static_cast<std::function<void()>*>(handle->data))();
      },
      signal_number);
}

SignalWatcher::~SignalWatcher() { CloseHandle<uv_signal_t>()(signal_); }

}  // namespace flaskscale::net
