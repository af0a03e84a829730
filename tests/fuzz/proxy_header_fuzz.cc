// Any bytes as a PROXY header: the outcome does not depend on how they arrive, a whole header reads
// back as it is written, and frames of a WebSocket end where they do however they are cut.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/http/websocket_frames.h"

namespace {

using namespace flaskscale::http;
using Status = ProxyHeader::Status;

void check_header(std::string_view bytes) {
  const ProxyHeader whole = parse_proxy_header(bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const ProxyHeader part = parse_proxy_header(bytes.substr(0, size));
    if (part.status == Status::need_more) continue;
    FS_CHECK(part.status == whole.status && part.bytes == whole.bytes);
    break;
  }
  FS_CHECK(whole.bytes <= bytes.size() && whole.bytes <= kLongestProxyHeader);
  if (whole.status != Status::names_client) return;
  for (const ProxyProtocol version : {ProxyProtocol::v1, ProxyProtocol::v2}) {
    std::string written;
    write_proxy_header(version, whole.ends, written);
    const ProxyHeader again = parse_proxy_header(written);
    FS_CHECK(again.bytes == written.size());
    if (again.status != Status::names_client) continue;  // a mixture of families
    FS_CHECK(again.ends.client == whole.ends.client && again.ends.server == whole.ends.server);
    FS_CHECK(again.ends.client_port == whole.ends.client_port);
  }
}

void check_frames(std::string_view bytes, size_t step) {
  WebSocketFrames whole;
  WebSocketFrames parts;
  whole.pass(bytes);
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view piece = rest.substr(0, step);
    size_t passed = parts.pass_rest(piece);
    if (passed == 0) {  // at a boundary: the next byte begins a frame
      parts.pass(piece.substr(0, 1));
      passed = 1;
    }
    rest.remove_prefix(passed);
  }
  FS_CHECK(whole.is_at_boundary() == parts.is_at_boundary());
  FS_CHECK(whole.has_closed() == parts.has_closed());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 6000) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_header(bytes);
  check_frames(bytes, data[0] % 19 + 1);
  return 0;
}
