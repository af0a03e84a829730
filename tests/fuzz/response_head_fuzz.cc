// Any bytes as a response head: the outcome does not depend on how they arrive, and what FlaskScale
// writes for a client is a valid head with the same framing.
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

ParseOutcome parse_growing(const std::string& bytes, size_t step, Method method,
                           ResponseHead& head) {
  Http1ResponseParser parser;
  for (size_t size = 0; size < bytes.size(); size += step) {
    const ParseOutcome outcome =
        parser.parse(std::string_view(bytes).substr(0, size), kLimits, method, head);
    if (!std::holds_alternative<NeedMore>(outcome)) return outcome;
  }
  return parser.parse(bytes, kLimits, method, head);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 4096) return 0;
  const Method method = (data[0] & 1U) != 0 ? Method::head : Method::get;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ResponseHead head;
  Http1ResponseParser parser;
  const ParseOutcome outcome = parser.parse(bytes, kLimits, method, head);
  ResponseHead other;
  FS_CHECK(parse_growing(bytes, data[0] % 37 + 1, method, other).index() == outcome.index());
  if (!std::holds_alternative<HeadComplete>(outcome)) return 0;

  std::string rewritten;
  write_response_head(head, head.framing, Version::http11, ClientConnectionAfter::keep, "id",
                      rewritten);
  ResponseHead again;
  Http1ResponseParser second;
  const HeadLimits wide{.head_bytes = 1U << 20U, .fields = 1000, .target_bytes = 1U << 20U};
  const ParseOutcome reread = second.parse(rewritten, wide, method, again);
  const auto* complete = std::get_if<HeadComplete>(&reread);
  FS_CHECK(complete != nullptr && complete->head_bytes == rewritten.size());
  FS_CHECK(again.status == head.status && again.framing == head.framing);
  FS_CHECK(again.content_length == (head.status == 204 ? 0 : head.content_length));
  return 0;
}
