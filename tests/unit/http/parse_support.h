// Helpers to parse heads from raw bytes, whole and split at every position.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "proxy/http/http1_parser.h"

namespace flaskscale::http {

// What a parser said, as one comparable line: "more", "complete 57", "400 bad_host".
inline std::string describe(const ParseOutcome& outcome) {
  if (const auto* complete = std::get_if<HeadComplete>(&outcome)) {
    return "complete " + std::to_string(complete->head_bytes);
  }
  if (const auto* malformed = std::get_if<Malformed>(&outcome)) {
    return std::to_string(malformed->status) + " " + std::string(malformed->reason);
  }
  return "more";
}

// A copy without a byte behind its end, so that the address sanitizer sees a read past it.
class ExactBytes {
 public:
  explicit ExactBytes(std::string_view bytes)
      : data_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    bytes.copy(data_.get(), bytes.size());
  }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  size_t size_;
};

struct ParsedRequest {
  explicit ParsedRequest(std::string_view text, const HeadLimits& limits = {}) : bytes(text) {
    Http1RequestParser parser;
    outcome = describe(parser.parse(bytes.view(), limits, head));
  }
  ExactBytes bytes;
  RequestHead head;
  std::string outcome;
};

struct ParsedResponse {
  explicit ParsedResponse(std::string_view text, Method method = Method::get,
                          const HeadLimits& limits = {})
      : bytes(text) {
    Http1ResponseParser parser;
    outcome = describe(parser.parse(bytes.view(), limits, method, head));
  }
  ExactBytes bytes;
  ResponseHead head;
  std::string outcome;
};

// The outcome when the first `split` bytes come first, in another place of memory, then all.
inline std::string request_outcome_split_at(std::string_view text, size_t split,
                                            const HeadLimits& limits = {}) {
  Http1RequestParser parser;
  RequestHead head;
  const ExactBytes first(text.substr(0, split));
  const std::string outcome = describe(parser.parse(first.view(), limits, head));
  if (outcome != "more") return outcome;
  const ExactBytes all(text);
  return describe(parser.parse(all.view(), limits, head));
}

inline std::string response_outcome_split_at(std::string_view text, size_t split,
                                             Method method = Method::get) {
  Http1ResponseParser parser;
  ResponseHead head;
  const ExactBytes first(text.substr(0, split));
  const std::string outcome = describe(parser.parse(first.view(), {}, method, head));
  if (outcome != "more") return outcome;
  const ExactBytes all(text);
  return describe(parser.parse(all.view(), {}, method, head));
}

}  // namespace flaskscale::http
