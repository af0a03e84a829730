// The field names that the proxy treats specially.
#pragma once

#include <cstdint>
#include <string_view>

namespace flaskscale::http {

enum class KnownField : uint8_t {
  unknown,
  host,
  connection,
  content_length,
  transfer_encoding,
  expect,
  upgrade,
  te,
  trailer,
  via,
  keep_alive,
  proxy_connection,
  proxy_authenticate,
  proxy_authentication_info,
  proxy_authorization,
  forwarded,
  x_forwarded_for,
  x_forwarded_proto,
  x_forwarded_host,
  x_forwarded_other,  // any other name that begins with "x-forwarded-"
  x_real_ip,
  x_request_id,
  // One of the above with '_' in the place of a '-': a CGI-style backend (WSGI) can't tell it from
  // the real one, so it is never forwarded.
  lookalike,
};

// Without case. Costs a few nanoseconds: the length and the first letter decide whom to compare
// with.
KnownField known_field(std::string_view name);

// Names that a Connection field can't remove and that no trailer may carry, besides the known ones:
// those on which routing, security, caching or the meaning of the content rest.
bool is_end_to_end_critical(std::string_view name);

}  // namespace flaskscale::http
