#include "proxy/http/websocket_frames.h"

#include <algorithm>

namespace flaskscale::http {
namespace {

constexpr uint8_t kOpcodeBits = 0x0f;
constexpr uint8_t kClose = 0x08;
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kLengthBits = 0x7f;
constexpr size_t kMaskBytes = 4;

size_t length_bytes(uint8_t length) {
  if (length == 127) return 8;
  return length == 126 ? 2 : 0;
}

}  // namespace

void WebSocketFrames::pass(std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(step(bytes));
}

size_t WebSocketFrames::pass_rest(std::string_view bytes) {
  size_t passed = 0;
  while (passed < bytes.size() && !is_at_boundary()) passed += step(bytes.substr(passed));
  return passed;
}

// A part of one frame: the whole of what there is of its payload, or a byte of its header.
size_t WebSocketFrames::step(std::string_view bytes) {
  if (payload_left_ > 0) {
    const size_t count = static_cast<size_t>(std::min<uint64_t>(payload_left_, bytes.size()));
    payload_left_ -= count;
    return count;
  }
  header_[header_bytes_++] = static_cast<uint8_t>(bytes.front());
  if (header_bytes_ == 2) {
    const size_t mask = (header_[1] & kMasked) != 0 ? kMaskBytes : 0;
    header_size_ = static_cast<uint8_t>(2 + length_bytes(header_[1] & kLengthBits) + mask);
  }
  if (header_bytes_ == header_size_) end_header();
  return 1;
}

void WebSocketFrames::end_header() {
  const uint8_t length = header_[1] & kLengthBits;
  payload_left_ = length;
  if (const size_t bytes = length_bytes(length); bytes != 0) {
    payload_left_ = 0;
    for (size_t i = 0; i < bytes; ++i) payload_left_ = payload_left_ << 8U | header_[2 + i];
  }
  if ((header_[0] & kOpcodeBits) == kClose) closed_ = true;
  header_bytes_ = 0;
  header_size_ = 2;
}

std::string server_close_frame() { return std::string("\x88\x02\x03\xe9", 4); }

std::string client_close_frame(uint32_t mask) {
  std::string frame("\x88\x82", 2);
  std::array<uint8_t, kMaskBytes> key;
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<uint8_t>(mask >> (8U * i));
    frame.push_back(static_cast<char>(key[i]));
  }
  frame.push_back(static_cast<char>(0x03 ^ key[0]));
  frame.push_back(static_cast<char>(0xe9 ^ key[1]));
  return frame;
}

}  // namespace flaskscale::http
