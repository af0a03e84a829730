// HTTP/1.x heads: bytes in, a validated head out. No I/O; the only user of llhttp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/http/head.h"

namespace flaskscale::http {

struct HeadLimits {
  uint32_t head_bytes = 32U << 10U;
  uint32_t fields = 100;
  uint32_t target_bytes = 8U << 10U;
};

struct NeedMore {};

// The head ends after `head_bytes` of the given bytes; the body (or the next message) begins there.
struct HeadComplete {
  size_t head_bytes = 0;
};

// What to answer (a request) and why. Framing is in doubt: the connection must be closed.
struct Malformed {
  uint16_t status = 400;     // 400, 414, 431, 501, 505; 502 for a response
  std::string_view reason;   // stable snake_case word for log and metrics, e.g. "bad_header_name"
};

using ParseOutcome = std::variant<NeedMore, HeadComplete, Malformed>;

// Finds and validates heads. One per connection side; holds only where the search for the end of the
// head stands, so that a head that arrives byte by byte costs linear time.
class Http1RequestParser {
 public:
  // `bytes` is all that has been received of this message so far, from its first byte, contiguous.
  // Up to a few empty lines before the request line are skipped and counted in head_bytes
  // (RFC 9112 section 2.2). On HeadComplete the parser is ready for the next message.
  ParseOutcome parse(std::string_view bytes, const HeadLimits& limits, RequestHead& head);

  // Forget a partial head.
  void reset() { searched_ = 0; }

 private:
  uint32_t searched_ = 0;
};

class Http1ResponseParser {
 public:
  // `request_method` decides whether a body can follow (HEAD), as do 1xx, 204 and 304.
  // 1xx heads are reported like others: the caller forwards, swallows or switches and parses again.
  ParseOutcome parse(std::string_view bytes, const HeadLimits& limits, Method request_method,
                     ResponseHead& head);
  void reset() { searched_ = 0; }

 private:
  uint32_t searched_ = 0;
};

}  // namespace flaskscale::http
