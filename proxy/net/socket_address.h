// The address of a socket: IPv4 or IPv6 with its port, or the path of a Unix socket.
#pragma once

#include <netinet/in.h>
#include <sys/un.h>

#include <cstdint>
#include <string>

#include "base/endpoint.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace flaskscale::net {

class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t length);

  // The host must be a numeric address (or "localhost", which is 127.0.0.1); names need the
  // resolver.
  static Result<SocketAddress> from_endpoint(const Endpoint& endpoint);

  // As parse_unix_address() has read it.
  static SocketAddress from_unix_path(const std::string& path);
  // "host:port" with a numeric host, or "unix:/path".
  static Result<SocketAddress> from_text(const std::string& text);

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const;
  int family() const { return storage_.any.sa_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  // 0 for a Unix socket.
  uint16_t port() const;
  void set_port(uint16_t port);
  // The unspecified address for a Unix socket.
  IpAddress ip() const;
  std::string unix_path() const;
  std::string to_string() const;  // "127.0.0.1:80", "[::1]:80", "unix:/run/app.sock"

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  } storage_{};
};

}  // namespace flaskscale::net
