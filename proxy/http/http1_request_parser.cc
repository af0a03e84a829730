#include "proxy/http/authority.h"
#include "proxy/http/framing_fields.h"
#include "proxy/http/http1_field_lines.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/request_line.h"

namespace flaskscale::http {
namespace {

constexpr uint32_t kMaxEmptyLines = 4;

Malformed bad_request(std::string_view reason) { return {.status = 400, .reason = reason}; }

Malformed malformed_by(HeadScanner::Found found, bool in_request_line) {
  using Found = HeadScanner::Found;
  switch (found) {
    case Found::bare_lf:
      return bad_request("bare_lf");
    case Found::bare_cr:
      return bad_request("bare_cr");
    case Found::control_byte:
      return bad_request(in_request_line ? "bad_request_line" : "control_byte");
    case Found::obs_fold:
      return bad_request("obs_fold");
    case Found::empty_name:
      return bad_request("empty_field_name");
    case Found::too_many_fields:
      return {.status = 431, .reason = "too_many_fields"};
    case Found::too_many_empty_lines:
      return bad_request("too_many_empty_lines");
    case Found::more:
    case Found::end:
      break;
  }
  return bad_request("bad_head");
}

// Host and the target's authority (RFC 9112 section 3.2).
std::string_view settle_authority(const FramingFields& framing, RequestHead& head) {
  if (framing.hosts > 1) return "duplicate_host";
  if (framing.hosts == 0) return head.version == Version::http11 ? "missing_host" : "";
  if (!is_valid_authority(framing.host, PortRule::optional)) return "bad_host";
  if (head.form != TargetForm::absolute) {
    head.authority = framing.host;
    return {};
  }
  const bool secure = head.target[4] != ':';  // "https://"
  return is_same_authority(framing.host, head.authority, secure ? ":443" : ":80") ? ""
                                                                                  : "host_mismatch";
}

std::optional<Malformed> settle_framing(const FramingFields& framing, RequestHead& head) {
  if (framing.transfer_encodings > 0) {
    if (head.version == Version::http10) return bad_request("transfer_encoding_in_http10");
    if (framing.transfer_encodings > 1 || !framing.chunked) {
      return Malformed{.status = 501, .reason = "unsupported_transfer_encoding"};
    }
    head.framing = Framing::chunked;
  } else if (framing.content_length) {
    head.framing = Framing::content_length;
    head.content_length = *framing.content_length;
  }
  const bool has_content = head.framing == Framing::chunked || head.content_length > 0;
  if (has_content && head.method == Method::trace) return bad_request("trace_with_content");

  const bool http11 = head.version == Version::http11;
  head.keep_alive = !framing.close && (http11 || framing.keep_alive);
  if (!http11) return std::nullopt;
  if (framing.expectations > 0) {
    if (!framing.expects_only_continue) {
      return Malformed{.status = 417, .reason = "expectation_failed"};
    }
    head.expect_continue = has_content;
  }
  if (!has_content) head.upgrade = framing.usable_upgrade();
  return std::nullopt;
}

}  // namespace

void Http1RequestParser::reset() {
  scanner_.reset();
  request_line_checked_ = false;
}

ParseOutcome Http1RequestParser::parse(std::string_view bytes, const HeadLimits& limits,
                                       RequestHead& head) {
  const ParseOutcome outcome = parse_unless_malformed(bytes, limits, head);
  if (!std::holds_alternative<NeedMore>(outcome)) reset();
  return outcome;
}

ParseOutcome Http1RequestParser::parse_unless_malformed(std::string_view bytes,
                                                        const HeadLimits& limits,
                                                        RequestHead& head) {
  using Found = HeadScanner::Found;
  const std::string_view searchable = bytes.substr(0, limits.head_bytes);
  const Found found = scanner_.scan(searchable, limits.fields, kMaxEmptyLines);
  if (!scanner_.has_start_line()) {
    if (found != Found::more) return malformed_by(found, true);
    const std::string_view begin = searchable.substr(scanner_.start_line_begin());
    if (auto wrong = check_request_line_begin(begin, limits)) return *wrong;
  } else if (!request_line_checked_ || found == Found::end) {
    head.clear();
    const std::string_view line = searchable.substr(
        scanner_.start_line_begin(), scanner_.start_line_end() - scanner_.start_line_begin());
    if (auto wrong = parse_request_line(line, limits, head)) return *wrong;
    request_line_checked_ = true;
  }
  if (found == Found::more) {
    if (bytes.size() < limits.head_bytes) return NeedMore{};
    return Malformed{.status = 431, .reason = "head_too_large"};
  }
  if (found != Found::end) return malformed_by(found, false);

  const size_t begin = scanner_.start_line_begin();
  const std::string_view text = bytes.substr(begin, scanner_.head_end() - begin);
  const std::string_view bad_line =
      read_field_lines(text, MessageKind::request, scanner_.field_lines(), head.fields);
  if (!bad_line.empty()) return bad_request(bad_line);
  FramingFields framing;
  const std::string_view bad_field = read_framing_fields(head.fields, framing);
  if (!bad_field.empty()) return bad_request(bad_field);
  const std::string_view bad_authority = settle_authority(framing, head);
  if (!bad_authority.empty()) return bad_request(bad_authority);
  if (auto wrong = settle_framing(framing, head)) return *wrong;
  return HeadComplete{.head_bytes = scanner_.head_end()};
}

}  // namespace flaskscale::http
