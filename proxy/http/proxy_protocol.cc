#include "proxy/http/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/check.h"

namespace flaskscale::http {
namespace {

using Status = ProxyHeader::Status;

constexpr std::string_view kV1Begin = "PROXY ";
constexpr size_t kLongestV1 = 107;  // with its CRLF
constexpr std::string_view kV2Begin("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kV2Head = 16;
constexpr size_t kV4Addresses = 12;
constexpr size_t kV6Addresses = 36;
constexpr size_t kUnixAddresses = 216;

constexpr uint8_t kV2Local = 0x20;
constexpr uint8_t kV2Proxy = 0x21;
enum class Family : uint8_t { unspecified = 0, v4 = 1, v6 = 2, local = 3 };
enum class Kind : uint8_t { unspecified = 0, stream = 1, datagram = 2 };

ProxyHeader malformed(std::string_view reason) { return {Status::malformed, 0, {}, reason}; }

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint16_t number_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

// Whether all that has come could be the beginning of `expected`.
bool begins_like(std::string_view bytes, std::string_view expected) {
  const size_t common = std::min(bytes.size(), expected.size());
  return bytes.substr(0, common) == expected.substr(0, common);
}

// --- Version 1: one line of words with one space between them

std::string_view next_word(std::string_view& line) {
  const size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

std::optional<uint16_t> read_port(std::string_view word) {
  uint16_t port = 0;
  const char* const end = word.data() + word.size();
  const auto [parsed, error] = std::from_chars(word.data(), end, port);
  const bool has_leading_zero = word.size() > 1 && word.front() == '0';
  if (word.empty() || error != std::errc() || parsed != end || has_leading_zero) {
    return std::nullopt;
  }
  return port;
}

std::optional<IpAddress> read_address(std::string_view word, bool is_v4) {
  const bool has_colon = word.find(':') != std::string_view::npos;
  const auto address = IpAddress::parse(word);
  if (!address || has_colon == is_v4) return std::nullopt;
  return *address;
}

ProxyHeader parse_v1(std::string_view bytes) {
  const size_t end = bytes.substr(0, kLongestV1).find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() < kLongestV1 ? ProxyHeader{} : malformed("proxy_header_too_long");
  }
  std::string_view line = bytes.substr(kV1Begin.size(), end - kV1Begin.size());
  ProxyHeader header{Status::names_nobody, end + 2, {}, {}};
  const bool has_only_family = line.find(' ') == std::string_view::npos;
  const std::string_view family = next_word(line);
  if (family == "UNKNOWN") return header;
  if (has_only_family || (family != "TCP4" && family != "TCP6")) {
    return malformed("bad_proxy_header");
  }
  const bool is_v4 = family == "TCP4";
  const auto client = read_address(next_word(line), is_v4);
  const auto server = read_address(next_word(line), is_v4);
  const auto client_port = read_port(next_word(line));
  // All that is left, so that nothing may follow it.
  const auto server_port = read_port(line);
  if (!client || !server || !client_port || !server_port) return malformed("bad_proxy_header");
  header.status = Status::names_client;
  header.ends = {*client, *server, *client_port, *server_port};
  return header;
}

// --- Version 2: a block of bytes

IpAddress v4_at(std::string_view bytes, size_t at) {
  std::array<uint8_t, 4> address;
  for (size_t i = 0; i < address.size(); ++i) address[i] = byte_at(bytes, at + i);
  return IpAddress::from_v4(address);
}

IpAddress v6_at(std::string_view bytes, size_t at) {
  std::array<uint8_t, 16> address;
  for (size_t i = 0; i < address.size(); ++i) address[i] = byte_at(bytes, at + i);
  return IpAddress(address);
}

// The bytes of addresses that must be there; none: an unknown family.
std::optional<size_t> address_bytes(Family family) {
  switch (family) {
    case Family::unspecified:
      return 0;
    case Family::v4:
      return kV4Addresses;
    case Family::v6:
      return kV6Addresses;
    case Family::local:
      return kUnixAddresses;
  }
  return std::nullopt;
}

// `block`: the whole header.
ProxyHeader read_v2_addresses(std::string_view block) {
  const auto family = static_cast<Family>(byte_at(block, 13) >> 4U);
  const auto kind = static_cast<Kind>(byte_at(block, 13) & 0x0fU);
  ProxyHeader header{Status::names_nobody, block.size(), {}, {}};
  if (byte_at(block, 12) == kV2Local) return header;
  const auto needed = address_bytes(family);
  const bool unspecified = family == Family::unspecified || kind == Kind::unspecified;
  if (!needed || kind > Kind::datagram) return malformed("bad_proxy_header");
  if (unspecified) return header;
  if (block.size() - kV2Head < *needed) return malformed("bad_proxy_header");
  if (kind != Kind::stream || family == Family::local) return header;
  header.status = Status::names_client;
  if (family == Family::v4) {
    header.ends = {v4_at(block, 16), v4_at(block, 20), number_at(block, 24), number_at(block, 26)};
  } else {
    header.ends = {v6_at(block, 16), v6_at(block, 32), number_at(block, 48), number_at(block, 50)};
  }
  return header;
}

ProxyHeader parse_v2(std::string_view bytes) {
  if (bytes.size() > 12) {
    const uint8_t command = byte_at(bytes, 12);
    if (command != kV2Local && command != kV2Proxy) return malformed("bad_proxy_header");
  }
  if (bytes.size() < kV2Head) return {};
  const size_t size = kV2Head + number_at(bytes, 14);
  if (size > kLongestProxyHeader) return malformed("proxy_header_too_long");
  if (bytes.size() < size) return {};
  return read_v2_addresses(bytes.substr(0, size));
}

// --- Writing

enum class Shared : uint8_t { none, v4, v6 };  // the family that both ends have

Shared family_of(const ConnectionEnds& ends) {
  if (!ends.has_client() || ends.server == IpAddress()) return Shared::none;
  if (ends.client.is_v4() != ends.server.is_v4()) return Shared::none;
  return ends.client.is_v4() ? Shared::v4 : Shared::v6;
}

void write_v1(const ConnectionEnds& ends, std::string& out) {
  const Shared family = family_of(ends);
  if (family == Shared::none) {
    out.append("PROXY UNKNOWN\r\n");
    return;
  }
  out.append(family == Shared::v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  ends.client.append_to(out);
  out.push_back(' ');
  ends.server.append_to(out);
  out.append(" ").append(std::to_string(ends.client_port));
  out.append(" ").append(std::to_string(ends.server_port)).append("\r\n");
}

void append_number(uint16_t value, std::string& out) {
  out.push_back(static_cast<char>(value >> 8U));
  out.push_back(static_cast<char>(value & 0xffU));
}

void append_address(const IpAddress& address, Shared family, std::string& out) {
  const auto& bytes = address.bytes();
  const size_t skipped = family == Shared::v4 ? 12 : 0;
  for (size_t i = skipped; i < bytes.size(); ++i) out.push_back(static_cast<char>(bytes[i]));
}

void write_v2(const ConnectionEnds& ends, std::string& out) {
  const Shared family = family_of(ends);
  out.append(kV2Begin);
  out.push_back(static_cast<char>(family == Shared::none ? kV2Local : kV2Proxy));
  if (family == Shared::none) {
    out.append(3, '\0');
    return;
  }
  out.push_back(family == Shared::v4 ? '\x11' : '\x21');
  append_number(family == Shared::v4 ? kV4Addresses : kV6Addresses, out);
  append_address(ends.client, family, out);
  append_address(ends.server, family, out);
  append_number(ends.client_port, out);
  append_number(ends.server_port, out);
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (begins_like(bytes, kV1Begin))
    return bytes.size() > kV1Begin.size() ? parse_v1(bytes) : ProxyHeader{};
  if (begins_like(bytes, kV2Begin)) return parse_v2(bytes);
  return malformed("no_proxy_header");
}

void write_proxy_header(ProxyProtocol version, const ConnectionEnds& ends, std::string& out) {
  switch (version) {
    case ProxyProtocol::none:
      return;
    case ProxyProtocol::v1:
      write_v1(ends, out);
      return;
    case ProxyProtocol::v2:
      write_v2(ends, out);
      return;
  }
}

}  // namespace flaskscale::http
