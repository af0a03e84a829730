// What is known of a client's connection before its first request: from accept and the greeting.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/http/proxy_protocol.h"

namespace flaskscale::forward {

// What the TLS handshake agreed on.
struct TlsFacts {
  std::string server_name;     // by SNI, lower case; empty: the client named none
  std::string client_subject;  // of a verified client certificate (RFC 2253); empty: none
  std::string version;         // "TLSv1.3"
};

// Moves from session to session of one connection.
struct ConnectionFacts {
  uint32_t listener = 0;  // index into the snapshots' listeners
  http::ConnectionEnds ends;
  std::unique_ptr<const TlsFacts> tls;  // null: cleartext

  std::string_view scheme() const { return tls == nullptr ? "http" : "https"; }
};

}  // namespace flaskscale::forward
