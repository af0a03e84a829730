#include "proxy/net/socket_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace flaskscale::net {

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) {
  std::memcpy(&storage_, address, std::min<size_t>(length, sizeof storage_));
}

Result<SocketAddress> SocketAddress::from_endpoint(const Endpoint& endpoint) {
  SocketAddress result;
  const char* host = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host.c_str();
  if (inet_pton(AF_INET, host, &result.storage_.v4.sin_addr) == 1) {
    result.storage_.v4.sin_family = AF_INET;
  } else if (inet_pton(AF_INET6, host, &result.storage_.v6.sin6_addr) == 1) {
    result.storage_.v6.sin6_family = AF_INET6;
  } else {
    return make_error(ErrorCode::invalid_argument,
                      "'" + endpoint.host + "' is not a numeric address");
  }
  result.set_port(endpoint.port);
  return result;
}

socklen_t SocketAddress::length() const {
  return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

uint16_t SocketAddress::port() const {
  return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

void SocketAddress::set_port(uint16_t port) {
  (family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port) = htons(port);
}

IpAddress SocketAddress::ip() const {
  return IpAddress::from_sockaddr(storage_.any).value_or(IpAddress());
}

std::string SocketAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(port());
  }
  inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(port());
}

}  // namespace flaskscale::net
