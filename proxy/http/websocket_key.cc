#include "proxy/http/websocket_key.h"

#include <array>
#include <bit>
#include <cstddef>
#include <span>

namespace flaskscale::http {
namespace {

using Digest = std::array<uint8_t, 20>;

std::string base64(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i;
    uint32_t group = static_cast<uint32_t>(bytes[i]) << 16U;
    if (count > 1) group |= static_cast<uint32_t>(bytes[i + 1]) << 8U;
    if (count > 2) group |= bytes[i + 2];
    out.push_back(kDigits[group >> 18U & 63U]);
    out.push_back(kDigits[group >> 12U & 63U]);
    out.push_back(count > 1 ? kDigits[group >> 6U & 63U] : '=');
    out.push_back(count > 2 ? kDigits[group & 63U] : '=');
  }
  return out;
}

void sha1_block(const uint8_t* block, std::array<uint32_t, 5>& state) {
  std::array<uint32_t, 80> w{};
  for (size_t i = 0; i < 16; ++i) {
    w[i] = static_cast<uint32_t>(block[4 * i]) << 24U |
           static_cast<uint32_t>(block[4 * i + 1]) << 16U |
           static_cast<uint32_t>(block[4 * i + 2]) << 8U | block[4 * i + 3];
  }
  for (size_t i = 16; i < 80; ++i) {
    w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (size_t i = 0; i < 80; ++i) {
    uint32_t f = b ^ c ^ d;
    uint32_t k = 0xCA62C1D6;
    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5A827999;
    } else if (i < 40) {
      k = 0x6ED9EBA1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8F1BBCDC;
    }
    const uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

// FIPS 180-4. What the protocol asks for: it protects nothing here, it only shows that the backend
// speaks WebSocket.
Digest sha1(std::string_view text) {
  std::string padded(text);
  padded.push_back('\x80');
  while (padded.size() % 64 != 56) padded.push_back('\0');
  const uint64_t bits = uint64_t{text.size()} * 8;
  for (unsigned shift = 64; shift > 0; shift -= 8) {
    padded.push_back(static_cast<char>(bits >> (shift - 8) & 255U));
  }
  std::array<uint32_t, 5> state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  for (size_t at = 0; at < padded.size(); at += 64) {
    sha1_block(reinterpret_cast<const uint8_t*>(padded.data()) + at, state);
  }
  Digest digest{};
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)) & 255U);
  }
  return digest;
}

}  // namespace

std::string websocket_key(uint64_t random_high, uint64_t random_low) {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>(random_high >> (8 * i) & 255U);
    bytes[8 + i] = static_cast<uint8_t>(random_low >> (8 * i) & 255U);
  }
  return base64(bytes);
}

std::string websocket_accept(std::string_view key) {
  return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace flaskscale::http
