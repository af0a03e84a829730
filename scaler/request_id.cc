#include "scaler/request_id.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flaskscale::scaler {

std::string new_request_id(Random& random) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr size_t kVersion = 6;  // the bytes that say which kind of UUID it is
  constexpr size_t kVariant = 8;
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(random.below(256));
  bytes[kVersion] = static_cast<uint8_t>((bytes[kVersion] & 0x0FU) | 0x40U);
  bytes[kVariant] = static_cast<uint8_t>((bytes[kVariant] & 0x3FU) | 0x80U);
  std::string id;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += kDigits[bytes[i] >> 4U];
    id += kDigits[bytes[i] & 0x0FU];
  }
  return id;
}

}  // namespace flaskscale::scaler
