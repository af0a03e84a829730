// What both sides of an HTTP/2 connection send with nghttp2: frames on demand, bodies asked of the
// owners of their streams.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

struct nghttp2_session;

namespace flaskscale::http {

class Http2StreamHandler;

class Http2Output {
 public:
  // Appends frames to `out` until it holds about `limit` bytes, or nothing more may be sent now.
  // False: the session is broken.
  bool produce(nghttp2_session* session, std::string& out, size_t limit);

  // --- For nghttp2's callbacks, from inside produce()
  // How many bytes of the body go into the next frame of at most `length`, or what nghttp2 shall do
  // instead.
  ssize_t read_body(nghttp2_session* session, int32_t stream, size_t length, uint32_t& flags,
                    const Http2StreamHandler& handler) const;
  // That frame.
  void append_data(const uint8_t* frame_header, size_t length, Http2StreamHandler& handler);

 private:
  std::string* out_ = nullptr;  // inside produce()
  size_t limit_ = 0;
};

}  // namespace flaskscale::http
