// Frames of an HTTP/2 session on their way into a transport: those of a turn go out together.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "proxy/forward/buffer_pool.h"
#include "proxy/forward/outgoing.h"
#include "proxy/net/transport.h"

namespace flaskscale::forward {

// One direction of one connection. After it has told of a broken transport it is dropped or let
// alone. Worker thread only.
class Http2Writer {
 public:
  explicit Http2Writer(BufferPool& buffers) : buffers_(buffers), held_(buffers) {}
  ~Http2Writer() { buffers_.give(std::move(produced_)); }
  Http2Writer(const Http2Writer&) = delete;
  Http2Writer& operator=(const Http2Writer&) = delete;

  // Takes frames until the session has none left, or the transport is full; what is not worth a
  // send by itself waits for send(). False: the transport is broken.
  template <typename Session>
  bool produce(Session& session, net::Transport& transport) {
    while (held_.empty()) {
      if (produced_ == nullptr) produced_ = buffers_.take();
      producing_ = true;
      session.produce(*produced_, kTurnBytes);
      producing_ = false;
      if (produced_->size() < kTurnBytes) return true;
      if (!send(transport)) return false;
    }
    return true;
  }

  // What this turn has produced. False: the transport is broken.
  bool send(net::Transport& transport) {
    if (produced_ == nullptr) return true;
    const bool sent = produced_->empty() || held_.send(transport, *produced_) != SendState::failed;
    buffers_.give(std::move(produced_));
    produced_ = nullptr;
    return sent;
  }

  // Inside a session's produce().
  bool is_producing() const { return producing_; }
  // What the transport did not take.
  Outgoing& held() { return held_; }

 private:
  // Worth a send before the turn ends.
  static constexpr size_t kTurnBytes = 256U << 10U;

  BufferPool& buffers_;
  std::unique_ptr<std::string> produced_;  // this turn; null when empty
  Outgoing held_;
  bool producing_ = false;
};

}  // namespace flaskscale::forward
