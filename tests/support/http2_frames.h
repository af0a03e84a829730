// Frames of HTTP/2 by hand, so that a test can break any rule. Header blocks are literals without
// indexing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flaskscale::http2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Kind : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kAck = 1;
inline constexpr uint8_t kEndHeaders = 4;

inline std::string number(uint32_t value, unsigned bytes = 4) {
  std::string out;
  while (bytes-- > 0) out.push_back(static_cast<char>(value >> (8 * bytes) & 255U));
  return out;
}

inline std::string frame(uint8_t kind, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out = number(static_cast<uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(kind));
  out.push_back(static_cast<char>(flags));
  return out + number(stream) + std::string(payload);
}

inline std::string length(size_t size) {
  std::string out;
  if (size < 127) return std::string(1, static_cast<char>(size));
  out.push_back(127);
  for (size -= 127; size >= 128; size /= 128) out.push_back(static_cast<char>(size % 128 + 128));
  out.push_back(static_cast<char>(size));
  return out;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out.push_back('\0');
    out += length(name.size()) + name + length(value.size()) + value;
  }
  return out;
}

inline Fields get_fields(std::string path = "/") {
  return {{":method", "GET"},
          {":scheme", "http"},
          {":authority", "shop.example"},
          {":path", std::move(path)}};
}

inline std::string headers(uint32_t stream, const Fields& fields, bool end = true) {
  return frame(kHeaders, kEndHeaders | (end ? kEndStream : 0), stream, block(fields));
}
inline std::string get(uint32_t stream, std::string path = "/") {
  return headers(stream, get_fields(std::move(path)));
}
inline std::string post(uint32_t stream, const Fields& more = {}) {
  Fields fields = get_fields();
  fields[0].second = "POST";
  fields.insert(fields.end(), more.begin(), more.end());
  return headers(stream, fields, false);
}
inline std::string data(uint32_t stream, std::string_view bytes, bool end = false) {
  return frame(kData, end ? kEndStream : 0, stream, bytes);
}
inline std::string settings(const std::vector<std::pair<uint16_t, uint32_t>>& pairs = {}) {
  std::string payload;
  for (const auto& [id, value] : pairs) payload += number(id, 2) + number(value);
  return frame(kSettings, 0, 0, payload);
}
inline std::string window_update(uint32_t stream, uint32_t increment) {
  return frame(kWindowUpdate, 0, stream, number(increment));
}
inline std::string rst_stream(uint32_t stream, uint32_t error = 8) {
  return frame(kRstStream, 0, stream, number(error));
}
inline std::string ping(std::string_view eight = "12345678", uint8_t flags = 0) {
  return frame(kPing, flags, 0, eight);
}
inline std::string settings_ack() { return frame(kSettings, kAck, 0, ""); }
inline std::string hello() { return std::string(kPreface) + settings(); }

struct Frame {
  uint8_t kind = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;

  uint32_t word(size_t at = 0) const {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4 && i < payload.size(); ++i) {
      value = value << 8U | static_cast<uint8_t>(payload[i]);
    }
    return value;
  }
  uint32_t error() const { return word(kind == kGoaway ? 4 : 0); }
  bool ends_stream() const { return kind <= kHeaders && (flags & kEndStream) != 0; }
};

// The whole frames of some bytes.
inline std::vector<Frame> frames_of(std::string_view bytes) {
  std::vector<Frame> frames;
  while (bytes.size() >= 9) {
    const auto octet = [&](size_t at) {
      return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at]));
    };
    const size_t size = octet(0) << 16U | octet(1) << 8U | octet(2);
    if (bytes.size() < 9 + size) break;
    frames.push_back({static_cast<uint8_t>(bytes[3]), static_cast<uint8_t>(bytes[4]),
                      (octet(5) << 24U | octet(6) << 16U | octet(7) << 8U | octet(8)) & 0x7FFFFFFFU,
                      std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

}  // namespace flaskscale::http2
