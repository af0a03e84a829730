// SETTINGS_MAX_CONCURRENT_STREAMS without nghttp2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace flaskscale::http {

// nghttp2 would end the connection of a peer that opens too many streams; what is wanted is the end
// of the stream (RFC 9113 section 5.1.2). So nghttp2 gets this as the first entry of its SETTINGS.
inline constexpr uint32_t kNoStreamLimit = 0x7FFFFFFF;

// Writes the true limit into that entry of the SETTINGS frame that begins at `frame`.
inline void write_stream_limit(uint32_t limit, std::string& out, size_t frame) {
  constexpr size_t kValue = 9 + 2;  // behind the frame's header and the entry's name
  for (size_t i = 0; i < 4; ++i) {
    out.at(frame + kValue + i) = static_cast<char>(limit >> (24U - 8U * i) & 0xFFU);
  }
}

}  // namespace flaskscale::http
