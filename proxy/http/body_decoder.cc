#include "proxy/http/body_decoder.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "proxy/http/char_class.h"
#include "proxy/http/trailer_line.h"

namespace flaskscale::http {
namespace {

constexpr uint8_t kMaxSizeDigits = 16;

}  // namespace

void BodyDecoder::start(Framing framing, uint64_t content_length, uint64_t max_body) {
  size_digits_ = 0;
  overhead_bytes_ = 0;
  remaining_ = 0;
  total_ = 0;
  max_body_ = max_body;
  trailer_bytes_.clear();
  trailers_.clear();
  switch (framing) {
    case Framing::none:
      state_ = State::data;
      break;
    case Framing::content_length:
      state_ = State::data;
      remaining_ = content_length;
      break;
    case Framing::chunked:
      state_ = State::chunk_size_first;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
  complete_ = state_ == State::data && remaining_ == 0;
}

Error BodyDecoder::fail(ErrorCode code, const char* what) {
  state_ = State::failed;
  complete_ = false;
  return make_error(code, what);
}

Result<BodyDecoder::Decoded> BodyDecoder::decode(char* data, size_t size) {
  if (complete_) return Decoded{.complete = true};
  switch (state_) {
    case State::failed:
      return fail(ErrorCode::bad_message, "body: decoding has failed before");
    case State::data:
    case State::until_close:
      return decode_unchunked(size);
    default:
      break;
  }
  Decoded decoded;
  while (decoded.consumed < size && !complete_) {
    if (state_ == State::chunk_data) {
      const auto count =
          static_cast<size_t>(std::min<uint64_t>(remaining_, size - decoded.consumed));
      if (decoded.produced != decoded.consumed) {
        std::memmove(data + decoded.produced, data + decoded.consumed, count);
      }
      decoded.produced += count;
      decoded.consumed += count;
      remaining_ -= count;
      if (remaining_ == 0) state_ = State::chunk_data_cr;
      continue;
    }
    const Step step = take_framing(data + decoded.consumed, size - decoded.consumed);
    if (step.error != nullptr) return fail(step.code, step.error);
    decoded.consumed += step.framing_bytes;
  }
  decoded.complete = complete_;
  return decoded;
}

Result<BodyDecoder::Decoded> BodyDecoder::decode_unchunked(size_t size) {
  Decoded decoded;
  if (state_ == State::data) {
    if (max_body_ != 0 && remaining_ > max_body_ - total_) {
      return fail(ErrorCode::too_large, "body: longer than the limit");
    }
    decoded.consumed = static_cast<size_t>(std::min<uint64_t>(remaining_, size));
    remaining_ -= decoded.consumed;
    complete_ = remaining_ == 0;
  } else {
    decoded.consumed = size;
    if (max_body_ != 0 && size > max_body_ - total_) {
      return fail(ErrorCode::too_large, "body: longer than the limit");
    }
  }
  total_ += decoded.consumed;
  decoded.produced = decoded.consumed;
  decoded.complete = complete_;
  return decoded;
}

BodyDecoder::Step BodyDecoder::take_framing(const char* data, size_t size) {
  switch (state_) {
    case State::chunk_data_cr:
      if (*data != '\r') return {.error = "chunk: CR expected after the data"};
      state_ = State::chunk_data_lf;
      return {.framing_bytes = 1};
    case State::chunk_data_lf:
      if (*data != '\n') return {.error = "chunk: LF expected after the data"};
      state_ = State::chunk_size_first;
      return {.framing_bytes = 1};
    case State::trailer:
      return take_trailer_bytes(data, size);
    default:
      return take_size_line_byte(*data);
  }
}

// chunk-size [ BWS ";" … ] CRLF (RFC 9112 section 7.1).
BodyDecoder::Step BodyDecoder::take_size_line_byte(char c) {
  const Step accepted{.framing_bytes = 1};
  if (state_ == State::chunk_size_lf) {
    return c == '\n' ? end_size_line() : Step{.error = "chunk: LF expected after the size"};
  }
  if (state_ == State::chunk_size_first || state_ == State::chunk_size) {
    if (const int digit = hex_digit(c); digit >= 0) {
      if (state_ == State::chunk_size_first) {
        size_digits_ = 0;
        remaining_ = 0;
        state_ = State::chunk_size;
      }
      if (++size_digits_ > kMaxSizeDigits) return {.error = "chunk: size of too many digits"};
      remaining_ = (remaining_ << 4U) | static_cast<uint64_t>(digit);
      return accepted;
    }
    if (state_ == State::chunk_size_first) return {.error = "chunk: size expected"};
  }
  if (c == '\r') {
    if (state_ == State::chunk_size_space) return {.error = "chunk: space after the size"};
    state_ = State::chunk_size_lf;
    return accepted;
  }
  if (++overhead_bytes_ > kMaxExtensionBytes) return {.error = "chunk: extensions too long"};
  if (state_ == State::chunk_extension) {
    if (has_bit(c, char_bit::kControl)) return {.error = "chunk: control byte in an extension"};
    return accepted;
  }
  if (c == ';') {
    state_ = State::chunk_extension;
    return accepted;
  }
  if (c != ' ' && c != '\t') return {.error = "chunk: size is not hexadecimal"};
  state_ = State::chunk_size_space;
  return accepted;
}

BodyDecoder::Step BodyDecoder::end_size_line() {
  if (remaining_ == 0) {
    state_ = State::trailer;
    overhead_bytes_ = 0;
    return {.framing_bytes = 1};
  }
  // The chunk is counted before it comes, so that a sum beyond 64 bits or the limit never starts.
  if (remaining_ > UINT64_MAX / 2 - total_) return {.error = "chunk: size overflows"};
  total_ += remaining_;
  if (max_body_ != 0 && total_ > max_body_) {
    return {.error = "body: longer than the limit", .code = ErrorCode::too_large};
  }
  state_ = State::chunk_data;
  return {.framing_bytes = 1};
}

BodyDecoder::Step BodyDecoder::take_trailer_bytes(const char* data, size_t size) {
  const void* line_feed = std::memchr(data, '\n', size);
  const size_t count = line_feed == nullptr
                           ? size
                           : static_cast<size_t>(static_cast<const char*>(line_feed) - data) + 1;
  if (count > kMaxTrailerBytes - overhead_bytes_) return {.error = "trailer: too long"};
  overhead_bytes_ += static_cast<uint32_t>(count);
  trailer_bytes_.append(data, count);
  if (line_feed == nullptr) return {.framing_bytes = count};

  std::string_view line = trailer_bytes_;
  if (!line.ends_with("\r\n")) return {.error = "trailer: LF without CR"};
  line.remove_suffix(2);
  if (line.empty()) {
    complete_ = true;
  } else if (!append_trailer_line(line, trailers_)) {
    return {.error = "trailer: malformed field line"};
  }
  trailer_bytes_.clear();
  return {.framing_bytes = count};
}

Result<void> BodyDecoder::finish() {
  if (state_ == State::until_close) complete_ = true;
  if (complete_) return {};
  return fail(ErrorCode::closed_by_peer, "body: the connection closed before its end");
}

}  // namespace flaskscale::http
