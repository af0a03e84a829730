#include "proxy/http/http2_types.h"

#include <array>

namespace flaskscale::http {

std::string_view reason_of(Http2Error error) {
  static constexpr std::array<std::string_view, 14> kReasons = {"http2_no_error",
                                                                "http2_protocol_error",
                                                                "http2_internal_error",
                                                                "http2_flow_control_error",
                                                                "http2_settings_timeout",
                                                                "http2_stream_closed",
                                                                "http2_frame_size_error",
                                                                "http2_refused_stream",
                                                                "http2_cancel",
                                                                "http2_compression_error",
                                                                "http2_connect_error",
                                                                "http2_enhance_your_calm",
                                                                "http2_inadequate_security",
                                                                "http2_http_1_1_required"};
  const auto code = static_cast<uint32_t>(error);
  return code < kReasons.size() ? kReasons[code] : "http2_unknown_error";
}

bool is_fault_of_peer(Http2Error error) {
  switch (error) {
    case Http2Error::protocol_error:
    case Http2Error::flow_control_error:
    case Http2Error::stream_closed:
    case Http2Error::frame_size_error:
    case Http2Error::compression_error:
      return true;
    default:
      return false;
  }
}

}  // namespace flaskscale::http
