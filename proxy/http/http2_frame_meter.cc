#include "proxy/http/http2_frame_meter.h"

#include <algorithm>

namespace flaskscale::http {
namespace {

constexpr uint8_t kHeaders = 1;
constexpr uint8_t kContinuation = 9;
constexpr uint8_t kEndHeaders = 4;

// Nine octets (RFC 9113 section 4.1).
Http2FrameMeter::FrameHead parse(const char* octets) {
  const auto at = [octets](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(octets[i]));
  };
  return {.length = at(0) << 16U | at(1) << 8U | at(2),
          .type = static_cast<uint8_t>(at(3)),
          .flags = static_cast<uint8_t>(at(4)),
          .stream = (at(5) & 0x7FU) << 24U | at(6) << 16U | at(7) << 8U | at(8)};
}

}  // namespace

void Http2FrameMeter::skip_payload(std::string_view& bytes) {
  const size_t skipped = std::min(skip_, bytes.size());
  skip_ -= skipped;
  bytes.remove_prefix(skipped);
}

bool Http2FrameMeter::next(std::string_view& bytes, FrameHead& head) {
  skip_payload(bytes);
  if (bytes.empty()) return false;
  if (got_ == 0 && bytes.size() >= kHead) {
    head = parse(bytes.data());
    bytes.remove_prefix(kHead);
  } else {
    const size_t taken = std::min(kHead - got_, bytes.size());
    bytes.copy(head_.data() + got_, taken);
    got_ += taken;
    bytes.remove_prefix(taken);
    if (got_ < kHead) return false;
    got_ = 0;
    head = parse(head_.data());
  }
  skip_ = head.length;
  in_fields_ = head.type == kHeaders || head.type == kContinuation;
  open_ = in_fields_ && (head.flags & kEndHeaders) == 0;
  return true;
}

}  // namespace flaskscale::http
