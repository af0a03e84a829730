// Where the frames of a WebSocket begin and end (RFC 6455 section 5.2), without looking into them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace flaskscale::http {

// One direction of one connection. Costs a look at each frame's header and a subtraction a piece.
class WebSocketFrames {
 public:
  // All of these bytes pass.
  void pass(std::string_view bytes);
  // Those pass that belong to the frame that has begun, none if none has. Returns how many.
  size_t pass_rest(std::string_view bytes);

  // Another frame may stand here.
  bool is_at_boundary() const { return header_bytes_ == 0 && payload_left_ == 0; }
  // A close frame has passed: nothing may follow it.
  bool has_closed() const { return closed_; }

 private:
  size_t step(std::string_view bytes);
  void end_header();

  uint64_t payload_left_ = 0;
  std::array<uint8_t, 14> header_{};
  uint8_t header_bytes_ = 0;  // of a header that is not whole yet
  uint8_t header_size_ = 2;
  bool closed_ = false;
};

// A close frame with the code 1001, "going away": as a server sends it, or masked as a client does.
std::string server_close_frame();
std::string client_close_frame(uint32_t mask);

}  // namespace flaskscale::http
