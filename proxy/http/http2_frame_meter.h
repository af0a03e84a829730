// Finds the heads of the frames in a stream of bytes, for who has to see them all: what nghttp2
// ignores it does not tell of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flaskscale::http {

// One connection's receiving side, from the client's preface on.
class Http2FrameMeter {
 public:
  struct FrameHead {
    uint32_t length = 0;
    uint8_t type = 0;
    uint8_t flags = 0;
    uint32_t stream = 0;
  };

  // Takes bytes off the front of `bytes`, up to and including the next frame's head. False: they
  // end before one is complete, and all are taken.
  bool next(std::string_view& bytes, FrameHead& head);
  // Takes what is left of the payload whose head came last (or of the preface).
  void skip_payload(std::string_view& bytes);

  // A frame, or the preface, has begun and not ended.
  bool is_inside_frame() const { return got_ > 0 || skip_ > 0; }
  // The preface, or a HEADERS frame with its CONTINUATIONs, has begun and not ended.
  bool is_inside_head() const { return open_ || (in_fields_ && skip_ > 0); }

 private:
  static constexpr size_t kPreface = 24;
  static constexpr size_t kHead = 9;

  size_t skip_ = kPreface;  // of the preface, or of a payload
  size_t got_ = 0;          // of the next head
  bool open_ = true;        // more of the preface, or a CONTINUATION, must come
  bool in_fields_ = false;  // the payload is one of HEADERS or CONTINUATION
  std::array<char, kHead> head_{};
};

}  // namespace flaskscale::http
