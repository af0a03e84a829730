// What both sessions do with nghttp2's types. Only for proxy/http/http2_*.cc.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "proxy/http/head.h"
#include "proxy/http/http2_stream_handler.h"

namespace flaskscale::http {

inline std::string_view view_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Views into the fields: nghttp2 copies what it is given, and makes names lower case.
std::vector<nghttp2_nv> to_pairs(const std::vector<Field>& fields);

// Functions of `Callbacks` for a session to call. The caller's.
template <typename Callbacks>
nghttp2_session_callbacks* new_callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  FS_CHECK(nghttp2_session_callbacks_new(&made) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(made, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(made, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(made, Callbacks::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(made, Callbacks::on_frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_send_data_callback(made, Callbacks::send_data);
  return made;
}

// What holds for both sides: windows grow by consume() only, streams that are closed are forgotten,
// and a head has no more CONTINUATION frames than one of this size may need. The caller's.
nghttp2_option* new_option(uint32_t head_bytes);

// The first frames of a session: our SETTINGS, and the window of the connection.
void begin_session(nghttp2_session* session, std::span<const nghttp2_settings_entry> settings,
                   uint32_t connection_window);

// `by_peer`: it has reset the stream.
Http2StreamHandler::Closed how_closed(bool by_peer, uint32_t error);

}  // namespace flaskscale::http
