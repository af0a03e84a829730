#include "proxy/http/request_line.h"

#include <algorithm>
#include <array>

#include "proxy/http/authority.h"
#include "proxy/http/char_class.h"

namespace flaskscale::http {
namespace {

constexpr size_t kMaxMethod = 24;
constexpr std::string_view kVersionSuffix = " HTTP/1.1";

constexpr Malformed kBadRequestLine{.status = 400, .reason = "bad_request_line"};
constexpr Malformed kBadTarget{.status = 400, .reason = "bad_target"};
constexpr Malformed kUriTooLong{.status = 414, .reason = "uri_too_long"};

struct NamedMethod {
  std::string_view name;
  Method method;
};

constexpr std::array<NamedMethod, 9> kMethods = {{
    {"GET", Method::get},
    {"POST", Method::post},
    {"HEAD", Method::head},
    {"PUT", Method::put},
    {"DELETE", Method::delete_},
    {"OPTIONS", Method::options},
    {"PATCH", Method::patch},
    {"TRACE", Method::trace},
    {"CONNECT", Method::connect},
}};

// WebDAV, versioning, calendars, UPnP, caches. Those of RTSP and ICE and the preface of HTTP/2 are
// not HTTP/1.
constexpr std::array<std::string_view, 24> kOtherMethods = {
    "ACL",      "BIND",      "CHECKOUT",    "COPY",       "LINK",   "LOCK",
    "M-SEARCH", "MERGE",     "MKACTIVITY",  "MKCALENDAR", "MKCOL",  "MOVE",
    "NOTIFY",   "PROPFIND",  "PROPPATCH",   "PURGE",      "REBIND", "REPORT",
    "SEARCH",   "SUBSCRIBE", "UNSUBSCRIBE", "UNBIND",     "UNLINK", "UNLOCK",
};

std::optional<Method> find_method(std::string_view text) {
  for (const NamedMethod& named : kMethods) {
    if (named.name == text) return named.method;
  }
  if (std::ranges::find(kOtherMethods, text) != kOtherMethods.end()) return Method::other;
  return std::nullopt;
}

std::optional<Malformed> parse_version(std::string_view text, Version& version) {
  if (text == "HTTP/1.1") {
    version = Version::http11;
    return std::nullopt;
  }
  if (text == "HTTP/1.0") {
    version = Version::http10;
    return std::nullopt;
  }
  const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                           text[6] == '.' && is_digit(text[7]);
  if (!well_formed) return kBadRequestLine;
  return Malformed{.status = 505, .reason = "http_version_not_supported"};
}

// "http://host[:port][/path][?query]". Without a path the query would need one to be made up:
// refused.
std::optional<Malformed> parse_absolute(std::string_view target, RequestHead& head) {
  const size_t colon = target.find("://");
  if (colon == std::string_view::npos) return kBadTarget;
  const std::string_view scheme = target.substr(0, colon);
  if (!equals_lower(scheme, "http") && !equals_lower(scheme, "https")) return kBadTarget;
  const std::string_view rest = target.substr(colon + 3);
  const size_t end = rest.find_first_of("/?");
  head.form = TargetForm::absolute;
  head.authority = rest.substr(0, end);
  if (!is_valid_authority(head.authority, PortRule::optional)) return kBadTarget;
  if (end == std::string_view::npos) {
    head.path = head.method == Method::options ? "*" : "/";
  } else if (rest[end] == '/') {
    head.path = rest.substr(end);
  } else {
    return kBadTarget;
  }
  return std::nullopt;
}

std::optional<Malformed> parse_target(std::string_view target, RequestHead& head) {
  if (head.method == Method::connect) {
    head.form = TargetForm::authority;
    if (!is_valid_authority(target, PortRule::required)) return kBadTarget;
    return Malformed{.status = 501, .reason = "connect_refused"};
  }
  if (target.front() == '/') {
    head.form = TargetForm::origin;
    head.path = target;
    return std::nullopt;
  }
  if (target == "*") {
    if (head.method != Method::options) return kBadTarget;
    head.form = TargetForm::asterisk;
    head.path = target;
    return std::nullopt;
  }
  return parse_absolute(target, head);
}

}  // namespace

std::optional<Malformed> parse_request_line(std::string_view line, const HeadLimits& limits,
                                            RequestHead& head) {
  const size_t after_method = line.find(' ');
  if (after_method == std::string_view::npos)
    return check_request_line_begin(line, limits).value_or(kBadRequestLine);
  head.method_text = line.substr(0, after_method);
  if (head.method_text.size() > kMaxMethod || !is_token(head.method_text)) return kBadRequestLine;
  const std::string_view rest = line.substr(after_method + 1);
  const size_t after_target = rest.rfind(' ');
  if (after_target == std::string_view::npos) {
    return rest.size() > limits.target_bytes ? kUriTooLong : kBadRequestLine;
  }
  head.target = rest.substr(0, after_target);
  if (head.target.size() > limits.target_bytes) return kUriTooLong;
  if (head.target.empty()) return kBadRequestLine;
  if (!all_have_bit(head.target, char_bit::kTarget)) {
    const bool spaces = head.target.find(' ') != std::string_view::npos;
    return spaces ? kBadRequestLine : kBadTarget;
  }
  if (auto wrong = parse_version(rest.substr(after_target + 1), head.version)) return wrong;

  const std::optional<Method> method = find_method(head.method_text);
  if (!method) return Malformed{.status = 501, .reason = "method_not_implemented"};
  head.method = *method;
  return parse_target(head.target, head);
}

std::optional<Malformed> parse_method(std::string_view text, RequestHead& head) {
  if (text.size() > kMaxMethod || !is_token(text)) {
    return Malformed{.status = 400, .reason = "bad_method"};
  }
  const std::optional<Method> method = find_method(text);
  if (!method) return Malformed{.status = 501, .reason = "method_not_implemented"};
  head.method_text = text;
  head.method = *method;
  return std::nullopt;
}

std::optional<Malformed> check_request_line_begin(std::string_view begin,
                                                  const HeadLimits& limits) {
  if (begin.ends_with('\r')) begin.remove_suffix(1);
  const size_t method_end = std::min(begin.substr(0, kMaxMethod + 1).find(' '), begin.size());
  if (method_end > kMaxMethod || (method_end == 0 && !begin.empty())) return kBadRequestLine;
  if (!all_have_bit(begin.substr(0, method_end), char_bit::kToken)) return kBadRequestLine;
  if (begin.size() > method_end + 1 + limits.target_bytes + kVersionSuffix.size()) {
    return kUriTooLong;
  }
  return std::nullopt;
}

}  // namespace flaskscale::http
