#include "base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace flaskscale {
namespace {

constexpr std::array<uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kV4Offset = 96;

// The address with all bits beyond `bits` cleared.
IpAddress masked(const IpAddress& address, unsigned bits) {
  std::array<uint8_t, 16> bytes = address.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = std::clamp(bits, i * 8, i * 8 + 8) - i * 8;
    bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff00U >> kept));
  }
  return IpAddress(bytes);
}

}  // namespace

IpAddress::IpAddress(std::span<const uint8_t, 16> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

IpAddress IpAddress::from_v4(std::span<const uint8_t, 4> bytes) {
  IpAddress address;
  const auto rest = std::copy(kV4Prefix.begin(), kV4Prefix.end(), address.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), rest);
  return address;
}

std::optional<IpAddress> IpAddress::from_sockaddr(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    std::array<uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return from_v4(bytes);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return IpAddress(bytes);
  }
  return std::nullopt;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  std::array<uint8_t, 16> bytes;
  if (text.size() < sizeof terminated && text.find('\0') == std::string_view::npos) {
    terminated[text.copy(terminated, sizeof terminated - 1)] = '\0';
    if (inet_pton(AF_INET, terminated, bytes.data()) == 1) {
      return from_v4(std::span<const uint8_t, 4>(bytes.data(), 4));
    }
    if (inet_pton(AF_INET6, terminated, bytes.data()) == 1) return IpAddress(bytes);
  }
  return bad_text(text, "is not an IP address");
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes_.begin());
}

void IpAddress::append_to(std::string& out) const {
  char text[INET6_ADDRSTRLEN];
  if (!is_v4()) {
    FS_CHECK(inet_ntop(AF_INET6, bytes_.data(), text, sizeof text) != nullptr);
    out += text;
    return;
  }
  // Once a request: inet_ntop() goes through printf().
  char* end = text;
  for (size_t i = kV4Prefix.size(); i < bytes_.size(); ++i) {
    if (end != text) *end++ = '.';
    end = std::to_chars(end, text + sizeof text, bytes_[i]).ptr;
  }
  out.append(text, end);
}

std::string to_string(const IpAddress& address) {
  std::string text;
  address.append_to(text);
  return text;
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address)
    return bad_text(text, "is neither an IP address nor a network such as \"10.0.0.0/8\"");
  // "::ffff:10.0.0.0/104" counts from the front of all 128 bits.
  const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  unsigned bits = 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size() ||
        bits > (dotted ? 32U : 128U)) {
      return bad_text(text, dotted ? "needs a prefix length from 0 to 32 behind the slash"
                                   : "needs a prefix length from 0 to 128 behind the slash");
    }
    if (dotted) bits += kV4Offset;
  }
  const IpAddress base = masked(*address, bits);
  if (base != *address) {
    const std::string meant = to_string(base) + std::string(text.substr(slash));
    return bad_text(text, "has bits set beyond its prefix: write \"" + meant + "\"");
  }
  return IpNetwork(base, bits);
}

bool IpNetwork::contains(const IpAddress& address) const {
  return address.is_v4() == (base_.is_v4() && bits_ >= kV4Offset) &&
         masked(address, bits_) == base_;
}

}  // namespace flaskscale

size_t std::hash<flaskscale::IpAddress>::operator()(
    const flaskscale::IpAddress& address) const noexcept {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
}
