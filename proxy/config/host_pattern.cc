#include "proxy/config/host_pattern.h"

#include <algorithm>

#include "base/endpoint.h"
#include "base/ip_address.h"
#include "base/text.h"

namespace flaskscale::config {
namespace {

bool is_visible_ascii(char c) { return c > 0x20 && c < 0x7f; }

}  // namespace

Result<std::string> normalize_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    const auto address = IpAddress::parse(text.substr(1, text.size() - 2));
    if (!address || address->is_v4()) return bad_text(text, "has no IPv6 address in its brackets");
    return "[" + to_string(*address) + "]";
  }
  if (text.empty()) return bad_text(text, "is no host: leave hosts out to match all");
  if (text == "*") return bad_text(text, "is no host: leave hosts out to match all");
  if (text.find("://") != std::string_view::npos)
    return bad_text(text, "is a URL: write the host alone");
  if (text.find(':') != std::string_view::npos)
    return bad_text(text, "has a port: write the host alone");
  if (text.find('/') != std::string_view::npos)
    return bad_text(text, "has a path: write it under paths");
  if (!std::all_of(text.begin(), text.end(), is_visible_ascii)) {
    return bad_text(text, "is no host: write other letters than ASCII as \"xn--…\"");
  }

  std::string_view name = text;
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.remove_prefix(2);
  if (name.find('*') != std::string_view::npos) {
    return bad_text(text,
                    "has a wildcard that is not its whole first label, as in \"*.example.com\"");
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  const Result<Endpoint> endpoint = parse_endpoint(std::string(name) + ":0");
  if (!endpoint) return bad_text(text, "is no host name");
  if (wildcard && has_numeric_host(*endpoint))
    return bad_text(text, "is a wildcard over an address");
  return (wildcard ? "*." : "") + lower_case(name);
}

Result<void> check_request_path(std::string_view text) {
  if (!text.starts_with('/')) return bad_text(text, "does not begin with \"/\"");
  if (!std::all_of(text.begin(), text.end(), is_visible_ascii)) {
    return bad_text(text, "has characters that must be percent-encoded in a path");
  }
  if (text.find('#') != std::string_view::npos) return bad_text(text, "has a fragment");
  return {};
}

Result<void> check_path_prefix(std::string_view text) {
  if (auto checked = check_request_path(text); !checked) return checked;
  if (text.find('*') != std::string_view::npos) {
    return bad_text(text, "has a wildcard: paths are prefixes, \"/api\" also matches \"/api/x\"");
  }
  if (text.find('?') != std::string_view::npos) {
    return bad_text(text, "has a query: routes look at the path only");
  }
  return {};
}

bool covers_path(std::string_view prefix, std::string_view path) {
  if (prefix == "/") return true;
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.back() == '/' || path[prefix.size()] == '/' ||
         path[prefix.size()] == '?';
}

}  // namespace flaskscale::config
