// What an exchange remembers while it is a tunnel.
#pragma once

#include <cstddef>

#include "base/time.h"
#include "proxy/http/websocket_frames.h"

namespace flaskscale::forward {

// From when to when connections may end on their own; what is left then is cut.
struct DrainWindow {
  Time begin{};
  Time end{};
};

struct TunnelState {
  bool is_websocket = false;  // else its bytes mean nothing to us
  bool is_closing = false;    // close frames are sent where a frame ends
  bool client_told = false;   // the client has got one: nothing may follow
  bool backend_told = false;
  size_t index = 0;  // in the worker's list
  double share = 0;  // where in the last part of a drain it ends, 0 to 1
  Time began{};
  Time given_up{};  // closing: cut then
  http::WebSocketFrames from_client;
  http::WebSocketFrames from_backend;
};

}  // namespace flaskscale::forward
