// The hosts and path prefixes of a route, as they may be written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale::config {

// "Shop.Example.com" to "shop.example.com"; also "*.example.com" and IP addresses, IPv6 in
// brackets. No port, no other wildcard. The error's detail says what is wrong.
Result<std::string> normalize_host(std::string_view text);

// A path prefix: begins with "/", visible ASCII, no query, fragment or wildcard.
Result<void> check_path_prefix(std::string_view text);

// What a health check may ask for: begins with "/", visible ASCII, a query is allowed, a fragment
// not.
Result<void> check_request_path(std::string_view text);

// The prefix covers the path up to a segment's end: "/api" covers "/api", "/api/x" and "/api?x",
// not "/apix".
// "/" covers all, "*" too.
bool covers_path(std::string_view prefix, std::string_view path);

}  // namespace flaskscale::config
