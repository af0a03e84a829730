// Words of HTTP/2 (RFC 9113) that the layers above share.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/head.h"
#include "proxy/http/http1_parser.h"

namespace flaskscale::http {

// RFC 9113 section 7.
enum class Http2Error : uint32_t {
  none = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
};

// "http2_protocol_error": a literal for log and metrics. Codes that the RFC does not know are
// "http2_unknown_error".
std::string_view reason_of(Http2Error error);
// Of a reset of ours: the peer broke a rule.
bool is_fault_of_peer(Http2Error error);

// What one connection may have under way.
struct Http2Limits {
  uint32_t streams = 100;                  // concurrent requests
  uint32_t stream_window = 128U << 10U;    // request body bytes that one stream may have held here
  uint32_t connection_window = 1U << 20U;  // … and all of them together
  bool operator==(const Http2Limits&) const = default;
};

struct Http2Settings {
  HeadLimits head;
  Http2Limits limits;
};

// A request whose head is complete.
struct Http2Request {
  uint32_t stream = 0;
  const RequestHead& head;  // its views stand during the call
  size_t head_bytes = 0;    // of all names and values
  bool last = false;        // no body follows
  bool cancelled = false;   // the client's RST_STREAM is here too: nobody waits for an answer
  // Understood, but to be answered with this status instead of being served; status 0: none.
  Malformed refusal{.status = 0, .reason = {}};
};

}  // namespace flaskscale::http
