// SipHash-2-4: a 64-bit hash that nobody can predict or turn back without its key.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace flaskscale {

using HashKey = std::array<uint64_t, 2>;

// Depends on nothing but its arguments: the same on every machine and in every version.
uint64_t keyed_hash(const HashKey& key, std::string_view bytes);

// Spreads a number over all 64 bits (a bijection, not secret).
constexpr uint64_t mix_bits(uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

}  // namespace flaskscale
