#include "scaler/providers/process_settings.h"

#include <string_view>

namespace flaskscale::scaler {
namespace {

// FNV-1a, 64 bits: stable across runs and builds, which std::hash is not.
void mix(uint64_t& hash, std::string_view text) {
  constexpr uint64_t kPrime = 0x100000001b3U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  }
  hash = (hash ^ 0xffU) * kPrime;  // no byte of UTF-8 text: keeps "a","bc" apart from "ab","c"
}

}  // namespace

std::string fingerprint(const ProcessSettings& settings) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const std::string& word : settings.command) mix(hash, word);
  mix(hash, "");
  mix(hash, settings.directory);
  for (const auto& [key, value] : settings.environment) {
    mix(hash, key);
    mix(hash, value);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4)
    text += kDigits[(hash >> static_cast<unsigned>(shift)) & 15U];
  return text;
}

}  // namespace flaskscale::scaler
