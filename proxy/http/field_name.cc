#include "proxy/http/field_name.h"

#include <array>
#include <cstring>

#include "proxy/http/char_class.h"

namespace flaskscale::http {
namespace {

struct Fold {
  bool equal = false;
  bool underscore = false;  // equal only because '_' counts as '-'
};

Fold compare(std::string_view name, std::string_view lower) {
  bool underscore = false;
  for (size_t i = 0; i < lower.size(); ++i) {
    char c = to_lower(name[i]);
    if (c == '_') {
      c = '-';
      underscore = true;
    }
    if (c != lower[i]) return {};
  }
  return {true, underscore};
}

// Equality of most names, eight letters at a time. Setting bit 5 makes upper case lower and leaves
// '-' as it is; of the token characters no other becomes one of those.
bool equals_name(std::string_view name, std::string_view lower) {
  constexpr uint64_t kLowerCaseBits = 0x2020202020202020;
  const size_t size = lower.size();
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    uint64_t letters = 0;
    uint64_t wanted = 0;
    std::memcpy(&letters, name.data() + at, 8);
    std::memcpy(&wanted, lower.data() + at, 8);
    if ((letters | kLowerCaseBits) != wanted) return false;
  }
  for (; at < size; ++at) {
    if ((name[at] | 0x20) != lower[at]) return false;
  }
  return true;
}

struct Candidate {
  std::string_view lower;
  KnownField field;
};

// In order of length, then of frequency.
constexpr std::array<Candidate, 20> kCandidates = {{
    {"te", KnownField::te},
    {"via", KnownField::via},
    {"host", KnownField::host},
    {"expect", KnownField::expect},
    {"upgrade", KnownField::upgrade},
    {"trailer", KnownField::trailer},
    {"forwarded", KnownField::forwarded},
    {"x-real-ip", KnownField::x_real_ip},
    {"connection", KnownField::connection},
    {"keep-alive", KnownField::keep_alive},
    {"x-request-id", KnownField::x_request_id},
    {"content-length", KnownField::content_length},
    {"x-forwarded-for", KnownField::x_forwarded_for},
    {"x-forwarded-host", KnownField::x_forwarded_host},
    {"proxy-connection", KnownField::proxy_connection},
    {"transfer-encoding", KnownField::transfer_encoding},
    {"x-forwarded-proto", KnownField::x_forwarded_proto},
    {"proxy-authenticate", KnownField::proxy_authenticate},
    {"proxy-authorization", KnownField::proxy_authorization},
    {"proxy-authentication-info", KnownField::proxy_authentication_info},
}};

constexpr size_t kLongestKnown = 25;

// kFirst[n]…kFirst[n+1] are the candidates of n letters.
constexpr std::array<uint8_t, kLongestKnown + 2> make_first() {
  std::array<uint8_t, kLongestKnown + 2> first{};
  for (size_t length = 0; length < first.size(); ++length) {
    uint8_t index = 0;
    while (index < kCandidates.size() && kCandidates[index].lower.size() < length) ++index;
    first[length] = index;
  }
  return first;
}
constexpr auto kFirst = make_first();

constexpr std::string_view kForwardedPrefix = "x-forwarded-";

// kFirstLetters[n]: bit 0…25 for the letters with which a candidate of n letters begins. It rules
// out nearly every other name at once.
constexpr std::array<uint32_t, kLongestKnown + 1> make_first_letters() {
  std::array<uint32_t, kLongestKnown + 1> letters{};
  for (const Candidate& candidate : kCandidates) {
    letters[candidate.lower.size()] |= 1U << static_cast<unsigned>(candidate.lower.front() - 'a');
  }
  for (size_t n = kForwardedPrefix.size() + 1; n < letters.size(); ++n) letters[n] |= 1U << 23U;
  return letters;
}
constexpr auto kFirstLetters = make_first_letters();

constexpr std::array<std::string_view, 6> kCriticalPrefixes = {
    "content-", "access-control-", "sec-", "if-", "accept", "cross-origin-"};

constexpr std::array<std::string_view, 23> kCritical = {
    "age",           "allow",
    "authorization", "authentication-info",
    "cache-control", "cookie",
    "date",          "expires",
    "location",      "max-forwards",
    "origin",        "pragma",
    "range",         "referer",
    "retry-after",   "server",
    "set-cookie",    "strict-transport-security",
    "user-agent",    "vary",
    "warning",       "www-authenticate",
    "x-csrf-token",
};

}  // namespace

KnownField known_field(std::string_view name) {
  if (name.empty()) return KnownField::unknown;
  const auto letter = static_cast<unsigned char>(name.front() | 0x20) - static_cast<unsigned>('a');
  if (letter > 25) return KnownField::unknown;
  if (name.size() <= kLongestKnown) {
    if (((kFirstLetters[name.size()] >> letter) & 1U) == 0) return KnownField::unknown;
    for (size_t i = kFirst[name.size()]; i < kFirst[name.size() + 1]; ++i) {
      const std::string_view lower = kCandidates[i].lower;
      if (static_cast<unsigned>(lower.front() - 'a') != letter) continue;
      if (equals_name(name, lower)) return kCandidates[i].field;
      if (compare(name, lower).equal) return KnownField::lookalike;
    }
  }
  if (name.size() <= kForwardedPrefix.size() || letter != 'x' - 'a') return KnownField::unknown;
  const Fold fold = compare(name, kForwardedPrefix);
  if (!fold.equal) return KnownField::unknown;
  const std::string_view rest = name.substr(kForwardedPrefix.size());
  return fold.underscore || rest.find('_') != std::string_view::npos
             ? KnownField::lookalike
             : KnownField::x_forwarded_other;
}

bool is_end_to_end_critical(std::string_view name) {
  for (const std::string_view prefix : kCriticalPrefixes) {
    if (name.size() >= prefix.size() && compare(name, prefix).equal) return true;
  }
  for (const std::string_view critical : kCritical) {
    if (name.size() == critical.size() && compare(name, critical).equal) return true;
  }
  return false;
}

}  // namespace flaskscale::http
