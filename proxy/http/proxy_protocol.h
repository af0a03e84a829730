// The PROXY protocol, versions 1 and 2: what a load balancer sends ahead of a connection's bytes to
// say on whose behalf it connects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace flaskscale::http {

// Who is connected with whom, as the client sees it. An unspecified address (::, the default) is
// one that is not known: a Unix socket has none.
struct ConnectionEnds {
  IpAddress client;
  IpAddress server;
  uint16_t client_port = 0;
  uint16_t server_port = 0;

  bool has_client() const { return client != IpAddress(); }
};

enum class ProxyProtocol : uint8_t { none, v1, v2 };

struct ProxyHeader {
  enum class Status : uint8_t {
    need_more,
    names_client,  // `ends` are the connection's from now on
    names_nobody,  // UNKNOWN, LOCAL, UNIX, UDP: the connection's own addresses stand
    malformed,     // `reason` says why: nothing of the connection can be trusted
  };
  Status status = Status::need_more;
  size_t bytes = 0;  // of the header, once it is complete
  ConnectionEnds ends;
  std::string_view reason;  // a literal, for log and metrics
};

// No header is longer: whoever has received this much and is told need_more does not see one. (A
// version 2 block may announce up to 64 KiB; no sender comes near this limit.)
inline constexpr size_t kLongestProxyHeader = 4096;

// Both versions are recognised by their first bytes. Pure: bytes in, outcome out; call it again
// from the first byte when more have come. Extensions (TLVs) are skipped. `malformed` is told at
// the first byte that no header can have, so that a client without one does not wait.
ProxyHeader parse_proxy_header(std::string_view bytes);

// Appends the header that tells a backend who the client is. Unknown ends, or ends of different
// families, are sent as the proxy's own business ("PROXY UNKNOWN", LOCAL): so are health checks.
void write_proxy_header(ProxyProtocol version, const ConnectionEnds& ends, std::string& out);

}  // namespace flaskscale::http
