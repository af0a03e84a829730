// Why a TLS connection failed, in words for log, metrics and people.
#pragma once

#include <string>
#include <string_view>

struct ssl_st;

namespace flaskscale::net {

struct TlsFailure {
  std::string_view word;  // a literal
  std::string detail;
};

// What the last call for `ssl`, which returned `returned`, left in OpenSSL's error queue; the
// queue is empty afterwards.
TlsFailure describe_tls_failure(const ssl_st* ssl, int returned, bool socket_ended);

}  // namespace flaskscale::net
