// Where a body ends, and its bytes without transfer coding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "proxy/http/head.h"

namespace flaskscale::http {

// Decodes one message body. Chunked framing is strict: hexadecimal size of at most 16 digits, CRLF
// everywhere, extensions dropped and bounded, trailer section bounded.
class BodyDecoder {
 public:
  struct Decoded {
    size_t consumed = 0;  // bytes of the input that belong to this body
    size_t produced = 0;  // body bytes, now at the front of the input
    bool complete = false;
  };

  // Of one body: all chunk extensions together; the trailer section.
  static constexpr uint32_t kMaxExtensionBytes = 16U << 10U;
  static constexpr uint32_t kMaxTrailerBytes = 16U << 10U;

  // `max_body`: more than this many body bytes is an error too_large. 0: no limit.
  void start(Framing framing, uint64_t content_length, uint64_t max_body);

  // Decodes in place: body bytes are moved to the front of `data`. Never consumes past the end of
  // the body. After `complete`, start() comes before the next decode(). An error (bad_message or
  // too_large, of internal origin: the caller knows whose body it is) leaves framing in doubt, and
  // every later call fails too.
  Result<Decoded> decode(char* data, size_t size);

  // The peer closed: complete for until_close and for a body already complete; else an error
  // closed_by_peer.
  Result<void> finish();

  bool complete() const { return complete_; }

  // Validated trailer fields as "Name: value\r\n" lines, fields that must not be trailers removed
  // (RFC 9110 section 6.5.1). Empty unless chunked and complete.
  const std::string& trailers() const { return trailers_; }

 private:
  enum class State : uint8_t {
    data,
    until_close,
    chunk_size_first,
    chunk_size,
    chunk_size_space,
    chunk_extension,
    chunk_size_lf,
    chunk_data,
    chunk_data_cr,
    chunk_data_lf,
    trailer,
    failed,
  };

  // What the bytes at the front of the input mean.
  struct Step {
    size_t framing_bytes = 0;     // consumed, dropped
    const char* error = nullptr;  // if set, the rest has no meaning
    ErrorCode code = ErrorCode::bad_message;
  };

  Result<Decoded> decode_unchunked(size_t size);
  Step take_framing(const char* data, size_t size);
  Step take_size_line_byte(char c);
  Step take_trailer_bytes(const char* data, size_t size);
  Step end_size_line();
  Error fail(ErrorCode code, const char* what);

  State state_ = State::data;
  bool complete_ = true;
  uint8_t size_digits_ = 0;
  uint32_t overhead_bytes_ = 0;  // extension bytes, or trailer bytes, so far
  uint64_t remaining_ = 0;       // of this length-delimited body, or of this chunk
  uint64_t total_ = 0;
  uint64_t max_body_ = 0;
  std::string trailer_bytes_;  // a trailer line that has not ended
  std::string trailers_;
};

}  // namespace flaskscale::http
