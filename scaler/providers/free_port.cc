#include "scaler/providers/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>

#include "scaler/providers/file_descriptor.h"

namespace flaskscale::scaler {
namespace {

constexpr uint32_t kLowest = 10000;
constexpr uint32_t kLeastRoom = 1000;
constexpr int kPortTries = 200;

// Binds and lets go. `port` 0: any. Returns the port, or 0.
uint16_t try_port(uint16_t port) {
  const FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.number(), generic, sizeof address) != 0) return 0;
  socklen_t length = sizeof address;
  if (getsockname(listener.number(), generic, &length) != 0) return 0;
  return ntohs(address.sin_port);
}

// Where outgoing connections' ports begin.
uint32_t lowest_ephemeral() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  uint32_t low = 0;
  return file >> low ? low : 32768;
}

}  // namespace

Result<uint16_t> find_free_port(const std::set<uint16_t>& taken, Random& random) {
  const uint32_t limit = lowest_ephemeral();
  const bool has_room = limit >= kLowest + kLeastRoom && limit <= 65536;
  for (int i = 0; i < kPortTries; ++i) {
    const auto wanted =
        static_cast<uint16_t>(has_room ? kLowest + random.below(limit - kLowest) : 0);
    const uint16_t port = try_port(wanted);
    if (port != 0 && !taken.contains(port)) return port;
  }
  return make_error(ErrorCode::address_in_use, "no free port on 127.0.0.1 for a new instance");
}

}  // namespace flaskscale::scaler
