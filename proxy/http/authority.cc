#include "proxy/http/authority.h"

#include <algorithm>

#include "base/ip_address.h"
#include "proxy/http/char_class.h"

namespace flaskscale::http {
namespace {

bool is_valid_port(std::string_view port) {
  if (port.empty() || port.size() > 5) return false;
  uint32_t value = 0;
  for (const char c : port) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return value >= 1 && value <= 65535;
}

// Every '%' begins a pair of hexadecimal digits other than 00.
bool has_valid_percents(std::string_view name) {
  for (size_t i = name.find('%'); i != std::string_view::npos; i = name.find('%', i + 1)) {
    if (i + 2 >= name.size()) return false;
    const int high = hex_digit(name[i + 1]);
    const int low = hex_digit(name[i + 2]);
    if (high < 0 || low < 0 || high * 16 + low == 0) return false;
  }
  return true;
}

// Zone identifiers are refused: they mean nothing to another machine.
bool is_valid_ipv6(std::string_view address) {
  return address.find(':') != std::string_view::npos && IpAddress::parse(address).has_value();
}

std::string_view without_port(std::string_view authority, std::string_view port) {
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

}  // namespace

bool is_valid_authority(std::string_view authority, PortRule rule) {
  std::string_view rest;
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return false;
    if (!is_valid_ipv6(authority.substr(1, bracket - 1))) return false;
    rest = authority.substr(bracket + 1);
    if (!rest.empty() && rest.front() != ':') return false;
  } else {
    const size_t colon = authority.find(':');
    const std::string_view name = authority.substr(0, colon);
    if (name.empty() || name.size() > 255 || !all_have_bit(name, char_bit::kHost)) return false;
    if (!has_valid_percents(name)) return false;
    if (colon != std::string_view::npos) rest = authority.substr(colon);
  }
  if (rest.empty()) return rule == PortRule::optional;
  return is_valid_port(rest.substr(1));
}

bool is_same_authority(std::string_view a, std::string_view b, std::string_view default_port) {
  a = without_port(a, default_port);
  b = without_port(b, default_port);
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

}  // namespace flaskscale::http
