#include "proxy/http/response_fields.h"

namespace flaskscale::http {

bool passes_to_client(KnownField known, std::string_view name, Framing framing,
                      const NominatedFields& nominated) {
  switch (known) {
    case KnownField::unknown:
      return !nominated.contains(name);
    case KnownField::trailer:
      return framing == Framing::chunked;
    case KnownField::host:
    case KnownField::via:
    case KnownField::expect:
    case KnownField::forwarded:
    case KnownField::x_forwarded_for:
    case KnownField::x_forwarded_proto:
    case KnownField::x_forwarded_host:
    case KnownField::x_forwarded_other:
    case KnownField::x_real_ip:
    case KnownField::x_request_id:
      return true;
    case KnownField::connection:
    case KnownField::content_length:
    case KnownField::transfer_encoding:
    case KnownField::upgrade:
    case KnownField::te:
    case KnownField::keep_alive:
    case KnownField::proxy_connection:
    case KnownField::proxy_authenticate:
    case KnownField::proxy_authentication_info:
    case KnownField::proxy_authorization:
    case KnownField::lookalike:
      return false;
  }
  return false;
}

}  // namespace flaskscale::http
