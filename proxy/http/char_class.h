// Which bytes may stand where in an HTTP message (RFC 9110 section 5.6.2, RFC 9112).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace flaskscale::http {

namespace char_bit {
constexpr uint8_t kToken = 1U << 0U;    // tchar
constexpr uint8_t kTarget = 1U << 1U;   // visible ASCII without '#'
constexpr uint8_t kControl = 1U << 2U;  // CTL except HT: nowhere in a head but in CRLF
constexpr uint8_t kHost = 1U << 3U;     // reg-name: unreserved, percent, sub-delims
}  // namespace char_bit

constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// ASCII only.
constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// 0…15, or -1.
constexpr int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

namespace detail {
constexpr std::array<uint8_t, 256> make_char_bits() {
  std::array<uint8_t, 256> bits{};
  for (unsigned value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    const bool alphanumeric = is_alpha(c) || is_digit(c);
    const auto one_of = [c](std::string_view set) { return set.find(c) != std::string_view::npos; };
    uint8_t bit = 0;
    if (alphanumeric || (value != 0 && one_of("!#$%&'*+-.^_`|~"))) bit |= char_bit::kToken;
    if (value > 0x20 && value < 0x7F && c != '#') bit |= char_bit::kTarget;
    if ((value < 0x20 && c != '\t') || value == 0x7F) bit |= char_bit::kControl;
    if (alphanumeric || (value != 0 && one_of("-._~%!$&'()*+,;="))) bit |= char_bit::kHost;
    bits[value] = bit;
  }
  return bits;
}
inline constexpr std::array<uint8_t, 256> kCharBits = make_char_bits();
}  // namespace detail

constexpr bool has_bit(char c, uint8_t bit) {
  return (detail::kCharBits[static_cast<unsigned char>(c)] & bit) != 0;
}

constexpr bool is_token_char(char c) { return has_bit(c, char_bit::kToken); }

// True if every byte has `bit`; true for an empty text.
constexpr bool all_have_bit(std::string_view text, uint8_t bit) {
  uint8_t common = bit;
  for (const char c : text) common &= detail::kCharBits[static_cast<unsigned char>(c)];
  return common != 0;
}

constexpr bool none_has_bit(std::string_view text, uint8_t bit) {
  uint8_t any = 0;
  for (const char c : text) any |= detail::kCharBits[static_cast<unsigned char>(c)];
  return (any & bit) == 0;
}

// One or more token characters.
constexpr bool is_token(std::string_view text) {
  return !text.empty() && all_have_bit(text, char_bit::kToken);
}

// Without spaces and tabs at either end.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// `lower` is in lower case already.
constexpr bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

// Calls visit(element) for every non-empty element of a comma-separated list, trimmed. Quoted
// strings are not looked into: for lists of tokens. Ends early when `visit` returns false.
template <typename Visit>
constexpr bool for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (!element.empty() && !visit(element)) return false;
  }
  return true;
}

}  // namespace flaskscale::http
