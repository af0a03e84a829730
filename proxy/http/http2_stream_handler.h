// What the session of an HTTP/2 connection tells and asks the owner of one of its streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/http2_types.h"

namespace flaskscale::http {

// One stream's owner, of either side. From attach() or open() until on_closed(), which comes once,
// or detach().
class Http2StreamHandler {
 public:
  // --- From inside receive()
  // A piece of the body; the message ends with it if `last`, then with these trailers ("Name:
  // value\r\n" lines). It takes its share of the flow-control windows until consume().
  virtual void on_body(std::string_view bytes, bool last, std::string_view trailers) = 0;

  // --- From inside receive() or produce()
  // The stream is gone: both sides have ended it (error none), the peer has cancelled it, or it
  // broke a rule.
  enum class Closed : uint8_t { complete, by_peer, by_us };
  virtual void on_closed(Closed how, Http2Error error) = 0;

  // --- From inside produce()
  struct Sendable {
    size_t bytes = 0;                // that take() would give
    bool last = false;               // nothing follows them but the trailers
    std::string_view trailers = {};  // "Name: value\r\n" lines
  };
  virtual Sendable sendable() const = 0;
  // Appends the next `bytes` to `out`, and forgets them.
  virtual void take(size_t bytes, std::string& out) = 0;
  // The end of our side has been produced.
  virtual void on_end_sent() = 0;

 protected:
  ~Http2StreamHandler() = default;
};

}  // namespace flaskscale::http
