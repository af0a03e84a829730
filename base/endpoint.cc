#include "base/endpoint.h"

#include <algorithm>
#include <charconv>

#include "base/ip_address.h"
#include "base/text.h"

namespace flaskscale {
namespace {

constexpr size_t kLongestName = 253;  // RFC 1035
constexpr size_t kLongestLabel = 63;
constexpr std::string_view kUnix = "unix:";
constexpr size_t kLongestUnixPath = 107;  // sockaddr_un, with its end

// Letters, digits, '-' and '_' in labels between dots; a last dot is allowed.
bool is_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kLongestName) return false;
  size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c) && c != '-' && c != '_') return false;
    if (++label > kLongestLabel) return false;
  }
  return label != 0;
}

// A name whose last label is a number can only be meant as an address.
bool looks_numeric(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(), is_digit);
}

Result<Endpoint> with_port(std::string_view text, std::string_view host, std::string_view digits) {
  uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || error != std::errc() || parsed != end) {
    return bad_text(text, "needs a port from 0 to 65535 behind the colon");
  }
  return Endpoint{std::string(host), port};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return bad_text(text, "has no closing bracket");
    const std::string_view host = text.substr(1, close - 1);
    if (host.find(':') == std::string_view::npos || !IpAddress::parse(host)) {
      return bad_text(text, "has no IPv6 address in its brackets");
    }
    if (text.substr(close + 1, 1) != ":") return bad_text(text, "needs a port: write \"[::1]:80\"");
    return with_port(text, host, text.substr(close + 2));
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_text(text, "needs a port: write \"host:port\"");
  const std::string_view host = text.substr(0, colon);
  if (host.find(':') != std::string_view::npos && host.find('/') == std::string_view::npos) {
    return bad_text(text, "needs brackets around an IPv6 address: write \"[::1]:80\"");
  }
  if (host.empty()) return bad_text(text, "has no host in front of the colon");
  if (!is_name(host)) return bad_text(text, "is not \"host:port\"");
  if (looks_numeric(host) && !IpAddress::parse(host)) return bad_text(text, "is not an IP address");
  return with_port(text, host, text.substr(colon + 1));
}

bool is_unix_address(std::string_view text) { return text.starts_with(kUnix); }

Result<std::string> parse_unix_address(std::string_view text) {
  const std::string_view path = text.substr(std::min(text.size(), kUnix.size()));
  if (!is_unix_address(text) || !path.starts_with('/') || path.ends_with('/')) {
    return bad_text(text, "needs an absolute path: write \"unix:/run/app.sock\"");
  }
  if (path.size() > kLongestUnixPath) return bad_text(text, "has a path of more than 107 bytes");
  const bool has_control = std::any_of(path.begin(), path.end(),
                                       [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (has_control) return bad_text(text, "has control characters in its path");
  return std::string(path);
}

std::string to_string(const Endpoint& endpoint) {
  const bool needs_brackets = endpoint.host.find(':') != std::string::npos;
  const std::string host = needs_brackets ? "[" + endpoint.host + "]" : endpoint.host;
  return host + ":" + std::to_string(endpoint.port);
}

std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    return close == std::string_view::npos ? authority : authority.substr(0, close + 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool has_numeric_host(const Endpoint& endpoint) {
  return IpAddress::parse(endpoint.host).has_value();
}

}  // namespace flaskscale
