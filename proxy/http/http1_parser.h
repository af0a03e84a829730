// HTTP/1.x heads: bytes in, a validated head out. No I/O; the only user of llhttp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"

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
  uint16_t status = 400;  // 400, 414, 417, 431, 501, 505; 502 for a response
  std::string_view reason =
      {};  // stable snake_case word for log and metrics, e.g. "bad_header_name"
};

using ParseOutcome = std::variant<NeedMore, HeadComplete, Malformed>;

// Finds and validates heads. One per connection side; holds only where the search for the end of
// the head stands, so that a head that arrives byte by byte costs linear time. A malformed start
// line is reported before the head is complete.
class Http1RequestParser {
 public:
  // `bytes` is all that has been received of this message so far, from its first byte, contiguous.
  // Up to a few empty lines before the request line are skipped and counted in head_bytes
  // (RFC 9112 section 2.2). On HeadComplete and Malformed the parser is ready for another message;
  // `head` has a meaning only after HeadComplete.
  // What it leaves to the caller: whether the target exists, whether a body may be as long as it
  // says. An upgrade is reported only for a request without content; "Upgrade: h2c" never is.
  ParseOutcome parse(std::string_view bytes, const HeadLimits& limits, RequestHead& head);

  // Forget a partial head.
  void reset();

 private:
  ParseOutcome parse_unless_malformed(std::string_view bytes, const HeadLimits& limits,
                                      RequestHead& head);

  HeadScanner scanner_;
  bool request_line_checked_ = false;
};

class Http1ResponseParser {
 public:
  // `request_method` decides whether a body can follow (HEAD), as do 1xx, 204 and 304.
  // 1xx heads are reported like others: the caller forwards, swallows or switches and parses again.
  // Framing::none with a content_length other than 0 is the length that a HEAD or 304 answer names.
  ParseOutcome parse(std::string_view bytes, const HeadLimits& limits, Method request_method,
                     ResponseHead& head);
  void reset();

 private:
  ParseOutcome parse_unless_malformed(std::string_view bytes, const HeadLimits& limits,
                                      Method request_method, ResponseHead& head);

  HeadScanner scanner_;
  bool status_line_checked_ = false;
};

}  // namespace flaskscale::http
