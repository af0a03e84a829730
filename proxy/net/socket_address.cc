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

SocketAddress SocketAddress::from_unix_path(const std::string& path) {
  SocketAddress result;
  std::memset(&result.storage_, 0, sizeof result.storage_);
  result.storage_.local.sun_family = AF_UNIX;
  path.copy(result.storage_.local.sun_path, sizeof result.storage_.local.sun_path - 1);
  return result;
}

Result<SocketAddress> SocketAddress::from_text(const std::string& text) {
  if (is_unix_address(text)) {
    const auto path = parse_unix_address(text);
    if (!path) return path.error();
    return from_unix_path(*path);
  }
  const auto endpoint = parse_endpoint(text);
  if (!endpoint) return endpoint.error();
  return from_endpoint(*endpoint);
}

socklen_t SocketAddress::length() const {
  if (is_unix()) return sizeof(sockaddr_un);
  return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

uint16_t SocketAddress::port() const {
  if (is_unix()) return 0;
  return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

void SocketAddress::set_port(uint16_t port) {
  if (is_unix()) return;
  (family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port) = htons(port);
}

IpAddress SocketAddress::ip() const {
  return IpAddress::from_sockaddr(storage_.any).value_or(IpAddress());
}

std::string SocketAddress::unix_path() const {
  const char* const path = storage_.local.sun_path;
  return {path, ::strnlen(path, sizeof storage_.local.sun_path)};
}

std::string SocketAddress::to_string() const {
  if (is_unix()) return "unix:" + unix_path();
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(port());
  }
  inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(port());
}

}  // namespace flaskscale::net
