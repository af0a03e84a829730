// An IP address without a port, and a network of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct sockaddr;

namespace flaskscale {

// IPv4 is held as the mapped ::ffff:a.b.c.d, so that both forms of one address are equal. A plain
// value.
class IpAddress {
 public:
  IpAddress() = default;  // ::
  explicit IpAddress(std::span<const uint8_t, 16> bytes);
  static IpAddress from_v4(std::span<const uint8_t, 4> bytes);
  // None unless the family is AF_INET or AF_INET6 (then it must be a whole sockaddr_in or
  // sockaddr_in6).
  static std::optional<IpAddress> from_sockaddr(const sockaddr& address);
  // "10.0.0.1", "::1", "::ffff:10.0.0.1"; no brackets, port or zone.
  static Result<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // "10.0.0.1", also for the mapped form; "2001:db8::1" without brackets. At most 45 characters.
  void append_to(std::string& out) const;

  bool operator==(const IpAddress&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

std::string to_string(const IpAddress& address);

// "10.0.0.0/8", "2001:db8::/32", or one address. An IPv4 address is only in IPv4 networks.
class IpNetwork {
 public:
  // The bits beyond the prefix must be zero.
  static Result<IpNetwork> parse(std::string_view text);

  bool contains(const IpAddress& address) const;
  bool operator==(const IpNetwork&) const = default;

 private:
  IpNetwork(const IpAddress& base, unsigned bits) : base_(base), bits_(bits) {}

  IpAddress base_;
  unsigned bits_;  // of the 128; an IPv4 prefix counts from 96
};

}  // namespace flaskscale

template <>
struct std::hash<flaskscale::IpAddress> {
  size_t operator()(const flaskscale::IpAddress& address) const noexcept;
};
