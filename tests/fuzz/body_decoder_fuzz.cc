// Any bytes as a chunked body: the decoded bytes do not depend on how they arrive, and nothing is
// read or written outside the input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "proxy/http/body_decoder.h"

namespace {

using flaskscale::http::BodyDecoder;
using flaskscale::http::Framing;

struct Outcome {
  bool failed = false;
  bool complete = false;
  size_t consumed = 0;
  std::string body;
  std::string trailers;
};

Outcome decode(const uint8_t* data, size_t size, size_t step) {
  Outcome outcome;
  BodyDecoder decoder;
  decoder.start(Framing::chunked, 0, 1U << 20U);
  while (outcome.consumed < size && !outcome.complete) {
    const size_t count = std::min(step, size - outcome.consumed);
    std::vector<char> piece(data + outcome.consumed, data + outcome.consumed + count);
    const auto decoded = decoder.decode(piece.data(), piece.size());
    if (!decoded) {
      outcome.failed = true;
      return outcome;
    }
    FS_CHECK(decoded->consumed <= count && decoded->produced <= decoded->consumed);
    FS_CHECK(decoded->complete || decoded->consumed == count);
    outcome.body.append(piece.data(), decoded->produced);
    outcome.consumed += decoded->consumed;
    outcome.complete = decoded->complete;
  }
  outcome.trailers = decoder.trailers();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t step = data[0] % 37U + 1U;
  const Outcome whole = decode(data + 1, size - 1, size);
  const Outcome pieces = decode(data + 1, size - 1, step);
  FS_CHECK(whole.failed == pieces.failed);
  if (whole.failed) return 0;
  FS_CHECK(whole.complete == pieces.complete && whole.consumed == pieces.consumed);
  FS_CHECK(whole.body == pieces.body && whole.trailers == pieces.trailers);
  return 0;
}
