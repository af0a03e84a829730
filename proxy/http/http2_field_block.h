// The fields of one received HEADERS frame and its CONTINUATIONs, and what they say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/head.h"
#include "proxy/http/http1_parser.h"

namespace flaskscale::http {

// Names and values are copied, since they come one by one. Reused: begin() keeps the memory.
class Http2FieldBlock {
 public:
  void begin(const HeadLimits& limits);

  // Each field in order; names are in lower case and values free of control bytes already (the
  // session sees to it). What is over the limits is counted and not kept.
  void add(std::string_view name, std::string_view value);

  // Of all names and values so far, kept or not.
  size_t bytes() const { return bytes_; }
  bool too_large() const { return bytes_ > limits_.head_bytes; }

  // A validated head as the parser of HTTP/1.1 would give it: cookies joined, framing by
  // Content-Length, by chunks when a body follows without one, none when nothing follows. An
  // extended CONNECT for a WebSocket (RFC 8441) becomes a GET with `upgrade`; its Sec-WebSocket-Key
  // is the caller's to add. `head` is good for the form of an answer also when it is refused.
  // Returns what to answer instead of serving it; status 0: nothing.
  Malformed read_request(bool last, RequestHead& head);

  // A head with a status, not a trailer section.
  bool is_response() const { return (pseudo_seen_ >> kStatus & 1U) != 0; }
  // A validated head as the parser of HTTP/1.1 would give it: framing by Content-Length, by chunks
  // without one, none where no content can be (RFC 9110 section 6.4.1; then content_length is what
  // it names). Its views stand until begin(). Returns an empty view, or why it is malformed.
  std::string_view read_response(Method request_method, ResponseHead& head) const;

  // Appends "Name: value\r\n" lines of what may stand in a trailer section. False: too large or
  // malformed.
  bool read_trailers(std::string& lines);

 private:
  enum Pseudo : uint8_t { kMethod, kScheme, kAuthority, kPath, kProtocol, kStatus, kPseudos };
  struct Range {
    uint32_t name_at = 0;
    uint32_t name_size = 0;
    uint32_t value_at = 0;
    uint32_t value_size = 0;
  };

  std::string_view name_of(const Range& range) const;
  std::string_view value_of(const Range& range) const;
  std::string_view pseudo(Pseudo which) const;
  void collect_fields(RequestHead& head);
  Malformed read_line(RequestHead& head) const;
  Malformed read_authority(RequestHead& head) const;

  HeadLimits limits_;
  size_t bytes_ = 0;
  uint32_t count_ = 0;
  bool too_many_ = false;
  std::string text_;
  std::vector<Range> ranges_;
  std::array<Range, kPseudos> pseudo_{};
  uint8_t pseudo_seen_ = 0;  // bits
  std::string cookie_;
  std::string line_;
};

}  // namespace flaskscale::http
