// The request line: method, target and version (RFC 9112 section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/http/head.h"
#include "proxy/http/http1_parser.h"

namespace flaskscale::http {

// `line` is the request line without its CRLF, free of control bytes. Sets method, target, form,
// path, version and, from an absolute-form target, authority. Returns what is wrong, or nothing.
std::optional<Malformed> parse_request_line(std::string_view line, const HeadLimits& limits,
                                            RequestHead& head);

// A method's name from elsewhere than a request line. Sets method and method_text.
std::optional<Malformed> parse_method(std::string_view text, RequestHead& head);

// As much as can be said of a request line that has only begun; looks at a bounded number of bytes.
std::optional<Malformed> check_request_line_begin(std::string_view begin, const HeadLimits& limits);

}  // namespace flaskscale::http
