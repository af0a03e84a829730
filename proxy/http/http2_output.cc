#include "proxy/http/http2_output.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <vector>

#include "proxy/http/http2_nghttp2.h"
#include "proxy/http/http2_response_fields.h"
#include "proxy/http/http2_stream_handler.h"

namespace flaskscale::http {

bool Http2Output::produce(nghttp2_session* session, std::string& out, size_t limit) {
  out_ = &out;
  limit_ = limit;
  ssize_t size = 1;
  while (size > 0 && out.size() < limit) {
    const uint8_t* data = nullptr;
    size = nghttp2_session_mem_send(session, &data);
    if (size > 0) out.append(view_of(data, static_cast<size_t>(size)));
  }
  out_ = nullptr;
  return size >= 0;
}

ssize_t Http2Output::read_body(nghttp2_session* session, int32_t stream, size_t length,
                               uint32_t& flags, const Http2StreamHandler& handler) const {
  if (out_->size() >= limit_) return NGHTTP2_ERR_PAUSE;
  const Http2StreamHandler::Sendable sendable = handler.sendable();
  if (sendable.bytes == 0 && !sendable.last) return NGHTTP2_ERR_DEFERRED;
  const size_t size = std::min(length, sendable.bytes);
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size == sendable.bytes && sendable.last) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!sendable.trailers.empty()) {
      std::vector<Field> fields;
      split_field_lines(sendable.trailers, fields);
      const auto pairs = to_pairs(fields);
      if (nghttp2_submit_trailer(session, stream, pairs.data(), pairs.size()) != 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
  }
  return static_cast<ssize_t>(size);
}

void Http2Output::append_data(const uint8_t* frame_header, size_t length,
                              Http2StreamHandler& handler) {
  constexpr size_t kFrameHeader = 9;
  out_->append(view_of(frame_header, kFrameHeader));
  if (length > 0) handler.take(length, *out_);
}

}  // namespace flaskscale::http
