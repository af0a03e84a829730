// Any bytes as a request head: the outcome does not depend on how they arrive, and what FlaskScale
// writes for a backend is a valid head with the same framing.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/http1_parser.h"

namespace {

using namespace flaskscale::http;

constexpr HeadLimits kLimits{.head_bytes = 2048, .fields = 20, .target_bytes = 256};

// All in one piece, in its own allocation, so that the address sanitizer sees a read past the end.
ParseOutcome parse_whole(const std::string& bytes, RequestHead& head) {
  Http1RequestParser parser;
  return parser.parse(bytes, kLimits, head);
}

ParseOutcome parse_growing(const std::string& bytes, size_t step, RequestHead& head) {
  Http1RequestParser parser;
  for (size_t size = 0; size < bytes.size(); size += step) {
    const ParseOutcome outcome =
        parser.parse(std::string_view(bytes).substr(0, size), kLimits, head);
    if (!std::holds_alternative<NeedMore>(outcome)) return outcome;
  }
  return parser.parse(bytes, kLimits, head);
}

void check_same(const ParseOutcome& a, const ParseOutcome& b) {
  FS_CHECK(a.index() == b.index());
  if (const auto* complete = std::get_if<HeadComplete>(&a)) {
    FS_CHECK(complete->head_bytes == std::get<HeadComplete>(b).head_bytes);
  }
}

void check_rewritten(const RequestHead& head, bool trusted) {
  std::string rewritten;
  write_request_head(head,
                     {.client_address = "203.0.113.7",
                      .scheme = "http",
                      .request_id = "id",
                      .client_is_trusted = trusted},
                     rewritten);
  RequestHead again;
  Http1RequestParser parser;
  const HeadLimits wide{.head_bytes = 1U << 20U, .fields = 1000, .target_bytes = 1U << 20U};
  const ParseOutcome outcome = parser.parse(rewritten, wide, again);
  if (head.authority.empty()) return;  // an HTTP/1.0 request without Host: "Host:" is refused by us
  const auto* complete = std::get_if<HeadComplete>(&outcome);
  FS_CHECK(complete != nullptr && complete->head_bytes == rewritten.size());
  FS_CHECK(again.path == head.path && again.authority == head.authority);
  FS_CHECK(again.content_length == head.content_length);
  FS_CHECK((again.framing == Framing::chunked) == (head.framing == Framing::chunked));
  FS_CHECK(again.upgrade == head.upgrade);
  FS_CHECK(again.method == head.method);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  RequestHead head;
  const ParseOutcome outcome = parse_whole(bytes, head);
  RequestHead other;
  check_same(outcome, parse_growing(bytes, data[0] % 37 + 1, other));
  if (!std::holds_alternative<HeadComplete>(outcome)) return 0;
  check_rewritten(head, false);
  check_rewritten(head, true);
  return 0;
}
