// The "host[:port]" of a Host field or a target (RFC 3986 section 3.2, RFC 9110 section 7.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace flaskscale::http {

enum class PortRule : uint8_t { optional, required };

// A registered name, IPv4 address or bracketed IPv6 address, not empty, no user information; a port
// of 1…65535. "host:" (empty port) is refused.
bool is_valid_authority(std::string_view authority, PortRule rule);

// Without case; `default_port` (":80") may be written or left out.
bool is_same_authority(std::string_view a, std::string_view b, std::string_view default_port);

}  // namespace flaskscale::http
