// A host and a port: where to listen or whom to call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale {

struct Endpoint {
  std::string host;  // a name or an IP address; IPv6 without brackets
  uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// "app.internal:8000", "127.0.0.1:0", "[::1]:80". The host must be there, and an address must be a
// right one
// ("256.1.1.1" is no name); IPv6 stands in brackets and has no zone.
Result<Endpoint> parse_endpoint(std::string_view text);

// A Unix socket stands where a host and a port may: "unix:/run/app.sock".
bool is_unix_address(std::string_view text);
// Its path, which is absolute and fits into a socket address.
Result<std::string> parse_unix_address(std::string_view text);

// What parse_endpoint reads back.
std::string to_string(const Endpoint& endpoint);

// The host of a "host[:port]" as it stands there; IPv6 keeps its brackets.
std::string_view without_port(std::string_view authority);

// The host is an IP address: nothing to resolve.
bool has_numeric_host(const Endpoint& endpoint);

}  // namespace flaskscale
