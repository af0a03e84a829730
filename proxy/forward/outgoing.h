// Bytes on their way into a transport: sent at once if the pipe takes them, held if it is full.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/forward/buffer_pool.h"
#include "proxy/net/transport.h"

namespace flaskscale::forward {

enum class SendState : uint8_t {
  sent,     // nothing is held
  blocked,  // something is held: produce no more until it has drained
  failed,   // the connection is broken
};

// One direction of one connection. It does not bound what is held: whoever produces stops when told
// `blocked`, so that at most one read's worth is held. Worker thread only.
class Outgoing {
 public:
  explicit Outgoing(BufferPool& buffers) : buffers_(buffers) {}
  ~Outgoing() { buffers_.give(std::move(held_)); }
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  SendState send(net::Transport& transport, std::span<const std::string_view> parts);
  SendState send(net::Transport& transport, std::string_view bytes) {
    return send(transport, std::span(&bytes, 1));
  }

  // Goes on with what is held, when the transport is writable.
  SendState flush(net::Transport& transport);

  // Forgets what is held: nobody will read it.
  void drop();

  bool empty() const { return held_ == nullptr; }
  size_t held_bytes() const { return held_ ? held_->size() - sent_ : 0; }

 private:
  void hold(std::span<const std::string_view> parts, size_t skip);

  BufferPool& buffers_;
  std::unique_ptr<std::string> held_;  // null when empty
  size_t sent_ = 0;                    // of held_
};

}  // namespace flaskscale::forward
