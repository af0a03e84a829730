#include "scaler/providers/process_settings.h"

#include <array>
#include <string_view>
#include <utility>

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

std::string fill_in(const std::string& text, const std::string& name, uint16_t port) {
  const std::string digits = std::to_string(port);
  const std::array<std::pair<std::string_view, std::string>, 4> values = {{
      {"{address}", "127.0.0.1:" + digits},
      {"{host}", "127.0.0.1"},
      {"{port}", digits},
      {"{name}", name},
  }};
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    size_t taken = 0;
    for (const auto& [placeholder, value] : values) {
      if (text.compare(at, placeholder.size(), placeholder) != 0) continue;
      filled += value;
      taken = placeholder.size();
      break;
    }
    if (taken == 0) {
      filled += text[at];
      taken = 1;
    }
    at += taken;
  }
  return filled;
}

}  // namespace flaskscale::scaler
