// One accepted connection of a client, in whatever protocol it speaks just now.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/net/event_loop.h"
#include "proxy/net/transport.h"

namespace flaskscale::forward {

// What a connection tells the worker that keeps it.
class ClientSessionOwner {
 public:
  // Once, when the session is closed and to be given up. The owner moves it to EventLoop::retire.
  virtual void on_session_closed(class ClientSession& session) = 0;

  // The same connection goes on as another session: `next` takes the place of `session`, which is
  // retired, and is opened with the transport and with what has been received and not used.
  virtual void replace_session(class ClientSession& session, std::unique_ptr<ClientSession> next,
                               std::unique_ptr<net::Transport> transport,
                               std::string_view received) = 0;

 protected:
  ~ClientSessionOwner() = default;
};

// Worker thread only. Between accept and its end a connection may be several sessions, one after
// the other: the greeting (PROXY header, TLS handshake), then HTTP/1.1 or HTTP/2.
class ClientSession : public net::TransportHandler, public net::Retired {
 public:
  // Must be called once, before anything else. `received`: bytes of the client that came before.
  // May close the session before it returns.
  virtual void open(std::unique_ptr<net::Transport> transport, std::string_view received) = 0;

  // The worker drains: an idle session closes now, a busy one after its exchanges.
  virtual void on_drain() = 0;
  // The worker stops: whatever is under way is cut; closed when it returns.
  virtual void on_shutdown() = 0;
  // The deadline of this session that was armed in one of WorkerServices' client lists.
  virtual void on_timeout() = 0;

  uint32_t list_index = 0;  // the owner's
};

}  // namespace flaskscale::forward
