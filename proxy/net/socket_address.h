// The address of a socket, IPv4 or IPv6, with its port.
#pragma once

#include <netinet/in.h>

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

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const;
  int family() const { return storage_.any.sa_family; }
  uint16_t port() const;
  void set_port(uint16_t port);
  IpAddress ip() const;
  std::string to_string() const;  // "127.0.0.1:80", "[::1]:80"

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_{};
};

}  // namespace flaskscale::net
