#include "proxy/http/char_class.h"
#include "proxy/http/framing_fields.h"
#include "proxy/http/http1_field_lines.h"
#include "proxy/http/http1_parser.h"

namespace flaskscale::http {
namespace {

Malformed bad_gateway(std::string_view reason) { return {.status = 502, .reason = reason}; }

Malformed malformed_by(HeadScanner::Found found) {
  using Found = HeadScanner::Found;
  switch (found) {
    case Found::bare_lf:
      return bad_gateway("bare_lf");
    case Found::bare_cr:
      return bad_gateway("bare_cr");
    case Found::control_byte:
      return bad_gateway("control_byte");
    case Found::obs_fold:
      return bad_gateway("obs_fold");
    case Found::empty_name:
      return bad_gateway("empty_field_name");
    case Found::too_many_fields:
      return bad_gateway("too_many_fields");
    case Found::too_many_empty_lines:
      return bad_gateway("bad_status_line");
    case Found::more:
    case Found::end:
      break;
  }
  return bad_gateway("bad_head");
}

// "HTTP/1.x 200 reason", "HTTP/1.x 200 " or "HTTP/1.x 200".
std::string_view parse_status_line(std::string_view line, ResponseHead& head) {
  if (line.size() < 12 || !line.starts_with("HTTP/") || line[8] != ' ') return "bad_status_line";
  const std::string_view version = line.substr(5, 3);
  if (version == "1.1") {
    head.version = Version::http11;
  } else if (version == "1.0") {
    head.version = Version::http10;
  } else {
    return "http_version_not_supported";
  }
  if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11])) return "bad_status_line";
  const int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (status < 100 || status > 599) return "bad_status_line";
  head.status = static_cast<uint16_t>(status);
  if (line.size() == 12) return {};
  if (line[12] != ' ') return "bad_status_line";
  head.reason = trim(line.substr(13));
  return {};
}

// "HTTP/1." must be what the bytes begin with, however few there are.
bool may_be_status_line(std::string_view begin) {
  constexpr std::string_view kPrefix = "HTTP/";
  const std::string_view shortest = begin.substr(0, kPrefix.size());
  return kPrefix.starts_with(shortest);
}

std::string_view settle_framing(const FramingFields& framing, Method request_method,
                                ResponseHead& head) {
  const bool http11 = head.version == Version::http11;
  const bool informational = head.status < 200;
  const bool without_content = informational || head.status == 204;
  head.keep_alive = !framing.close && (http11 || framing.keep_alive);
  if (framing.transfer_encodings > 0) {
    if (!http11) return "transfer_encoding_in_http10";
    if (framing.transfer_encodings > 1 || !framing.chunked) return "unsupported_transfer_encoding";
    if (without_content) return "content_not_allowed";
  }
  // "Content-Length: 0" on 204 is wrong but common, and can't be misunderstood.
  if (framing.content_length && without_content &&
      (informational || *framing.content_length != 0)) {
    return "content_not_allowed";
  }
  head.content_length = framing.content_length.value_or(0);
  if (head.status == 101) {
    head.upgrade = framing.usable_upgrade();
    return head.upgrade.empty() || !http11 ? "bad_switching_protocols" : "";
  }
  if (http11 && !informational) head.upgrade = framing.usable_upgrade();
  if (without_content || head.status == 304 || request_method == Method::head) {
    head.framing = Framing::none;
  } else if (framing.chunked) {
    head.framing = Framing::chunked;
  } else if (framing.content_length) {
    head.framing = Framing::content_length;
  } else {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return {};
}

}  // namespace

void Http1ResponseParser::reset() {
  scanner_.reset();
  status_line_checked_ = false;
}

ParseOutcome Http1ResponseParser::parse(std::string_view bytes, const HeadLimits& limits,
                                        Method request_method, ResponseHead& head) {
  const ParseOutcome outcome = parse_unless_malformed(bytes, limits, request_method, head);
  if (!std::holds_alternative<NeedMore>(outcome)) reset();
  return outcome;
}

ParseOutcome Http1ResponseParser::parse_unless_malformed(std::string_view bytes,
                                                         const HeadLimits& limits,
                                                         Method request_method,
                                                         ResponseHead& head) {
  using Found = HeadScanner::Found;
  const std::string_view searchable = bytes.substr(0, limits.head_bytes);
  const Found found = scanner_.scan(searchable, limits.fields, 0);
  if (!scanner_.has_start_line()) {
    if (found != Found::more) return malformed_by(found);
    if (!may_be_status_line(searchable)) return bad_gateway("bad_status_line");
  } else if (!status_line_checked_ || found == Found::end) {
    head.clear();
    const std::string_view wrong =
        parse_status_line(searchable.substr(0, scanner_.start_line_end()), head);
    if (!wrong.empty()) return bad_gateway(wrong);
    status_line_checked_ = true;
  }
  if (found == Found::more) {
    if (bytes.size() < limits.head_bytes) return NeedMore{};
    return bad_gateway("head_too_large");
  }
  if (found != Found::end) return malformed_by(found);

  const std::string_view text = bytes.substr(0, scanner_.head_end());
  std::string_view wrong =
      read_field_lines(text, MessageKind::response, scanner_.field_lines(), head.fields);
  if (!wrong.empty()) return bad_gateway(wrong);
  FramingFields framing;
  wrong = read_framing_fields(head.fields, framing);
  if (wrong.empty()) wrong = settle_framing(framing, request_method, head);
  if (!wrong.empty()) return bad_gateway(wrong);
  return HeadComplete{.head_bytes = scanner_.head_end()};
}

}  // namespace flaskscale::http
