#include "proxy/http/http2_field_block.h"

#include <optional>

#include "proxy/http/authority.h"
#include "proxy/http/body_decoder.h"
#include "proxy/http/char_class.h"
#include "proxy/http/framing_fields.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/request_line.h"
#include "proxy/http/trailer_line.h"

namespace flaskscale::http {
namespace {

constexpr Malformed kFine{.status = 0, .reason = {}};
// What is kept of a small head's memory.
constexpr size_t kKeptCapacity = 8U << 10U;

Malformed bad_fields(std::string_view reason) { return {.status = 400, .reason = reason}; }

}  // namespace

void Http2FieldBlock::begin(const HeadLimits& limits) {
  limits_ = limits;
  bytes_ = 0;
  count_ = 0;
  too_many_ = false;
  pseudo_seen_ = 0;
  if (text_.capacity() > kKeptCapacity) text_ = {};
  text_.clear();
  ranges_.clear();
  cookie_.clear();
}

void Http2FieldBlock::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + 4;  // as a line of HTTP/1.1
  const bool is_pseudo = name.starts_with(':');
  if (!is_pseudo && name != "cookie") too_many_ = too_many_ || ++count_ > limits_.fields;
  if (too_large() || too_many_) return;
  Range range;
  range.name_at = static_cast<uint32_t>(text_.size());
  range.name_size = static_cast<uint32_t>(name.size());
  range.value_at = range.name_at + range.name_size;
  range.value_size = static_cast<uint32_t>(value.size());
  text_.append(name).append(value);
  if (!is_pseudo) {
    ranges_.push_back(range);
    return;
  }
  static constexpr std::array<std::string_view, kPseudos> kNames = {
      ":method", ":scheme", ":authority", ":path", ":protocol", ":status"};
  for (uint8_t i = 0; i < kPseudos; ++i) {
    if (name != kNames[i]) continue;
    pseudo_[i] = range;
    pseudo_seen_ = static_cast<uint8_t>(pseudo_seen_ | 1U << i);
  }
}

std::string_view Http2FieldBlock::name_of(const Range& range) const {
  return std::string_view(text_).substr(range.name_at, range.name_size);
}

std::string_view Http2FieldBlock::value_of(const Range& range) const {
  return std::string_view(text_).substr(range.value_at, range.value_size);
}

std::string_view Http2FieldBlock::pseudo(Pseudo which) const {
  return (pseudo_seen_ >> which & 1U) != 0 ? value_of(pseudo_[which]) : std::string_view();
}

// Cookie crumbs become one field (RFC 9113 section 8.2.3), where the first of them stood.
void Http2FieldBlock::collect_fields(RequestHead& head) {
  size_t crumbs_at = 0;
  bool any_crumb = false;
  for (const Range& range : ranges_) {
    const std::string_view name = name_of(range);
    const std::string_view value = value_of(range);
    if (name != "cookie") {
      head.fields.push_back({name, value});
      continue;
    }
    if (any_crumb) {
      cookie_.append("; ");
    } else {
      any_crumb = true;
      crumbs_at = head.fields.size();
      head.fields.push_back({name, {}});
    }
    cookie_.append(value);
  }
  if (any_crumb) head.fields[crumbs_at].value = cookie_;
}

Malformed Http2FieldBlock::read_line(RequestHead& head) const {
  if (auto wrong = parse_method(pseudo(kMethod), head)) return *wrong;
  const std::string_view path = pseudo(kPath);
  const std::string_view scheme = pseudo(kScheme);
  if (head.method == Method::connect) {
    if (!equals_lower(pseudo(kProtocol), "websocket")) return {501, "connect_refused"};
    head.method = Method::get;
    head.method_text = "GET";
    head.upgrade = "websocket";
  } else if ((pseudo_seen_ >> kProtocol & 1U) != 0) {
    return bad_fields("bad_protocol");
  }
  if (!equals_lower(scheme, "http") && !equals_lower(scheme, "https")) {
    return bad_fields("bad_scheme");
  }
  if (path.size() > limits_.target_bytes) return {414, "uri_too_long"};
  if (path.empty() || !all_have_bit(path, char_bit::kTarget)) return bad_fields("bad_target");
  head.target = head.path = path;
  if (path.front() == '/') return kFine;
  if (path != "*" || head.method != Method::options) return bad_fields("bad_target");
  head.form = TargetForm::asterisk;
  return kFine;
}

Malformed Http2FieldBlock::read_authority(RequestHead& head) const {
  uint32_t hosts = 0;
  std::string_view host;
  for (const Field& field : head.fields) {
    if (field.name != "host") continue;
    ++hosts;
    host = field.value;
  }
  if (hosts > 1) return bad_fields("duplicate_host");
  const bool named = (pseudo_seen_ >> kAuthority & 1U) != 0;
  if (!named && hosts == 0) return bad_fields("missing_host");
  head.authority = named ? pseudo(kAuthority) : host;
  if (!is_valid_authority(head.authority, PortRule::optional)) return bad_fields("bad_host");
  if (!named || hosts == 0) return kFine;
  if (!is_valid_authority(host, PortRule::optional)) return bad_fields("bad_host");
  const bool secure = equals_lower(pseudo(kScheme), "https");
  return is_same_authority(host, head.authority, secure ? ":443" : ":80")
             ? kFine
             : bad_fields("host_mismatch");
}

Malformed Http2FieldBlock::read_request(bool last, RequestHead& head) {
  head.clear();
  head.version = Version::http2;
  head.keep_alive = true;
  if (!too_large() && !too_many_) collect_fields(head);
  head.method_text = pseudo(kMethod);
  if (too_large()) return {431, "head_too_large"};
  if (too_many_) return {431, "too_many_fields"};
  if (const Malformed wrong = read_line(head); wrong.status != 0) return wrong;
  if (const Malformed wrong = read_authority(head); wrong.status != 0) return wrong;

  FramingFields framing;
  const std::string_view bad_field = read_framing_fields(head.fields, framing);
  if (!bad_field.empty()) return bad_fields(bad_field);
  if (framing.transfer_encodings > 0 || framing.upgrades > 0) {
    return bad_fields("connection_field");
  }
  const bool tunnel = !head.upgrade.empty();
  if (tunnel) {
    // What follows the head is the tunnel's.
    std::erase_if(head.fields,
                  [](const Field& field) { return field.name == "sec-websocket-key"; });
    return framing.content_length ? bad_fields("upgrade_with_content") : kFine;
  }
  if (framing.content_length) {
    if (last && *framing.content_length != 0) return bad_fields("bad_content_length");
    head.framing = Framing::content_length;
    head.content_length = *framing.content_length;
  } else if (!last) {
    head.framing = Framing::chunked;
  }
  const bool has_content = !last && (head.framing == Framing::chunked || head.content_length > 0);
  if (has_content && head.method == Method::trace) return bad_fields("trace_with_content");
  if (framing.expectations > 0) {
    if (!framing.expects_only_continue) return {417, "expectation_failed"};
    head.expect_continue = has_content;
  }
  return kFine;
}

std::string_view Http2FieldBlock::read_response(Method request_method, ResponseHead& head) const {
  head.clear();
  head.version = Version::http2;
  head.keep_alive = true;
  if (too_large()) return "head_too_large";
  if (too_many_) return "too_many_fields";
  const std::string_view status = pseudo(kStatus);
  if (status.size() != 3 || !is_digit(status[0]) || !is_digit(status[1]) || !is_digit(status[2])) {
    return "bad_status";
  }
  head.status =
      static_cast<uint16_t>((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
  // There is no switching of protocols (RFC 9113 section 8.6).
  if (head.status < 100 || head.status > 599 || head.status == 101) return "bad_status";
  for (const Range& range : ranges_) head.fields.push_back({name_of(range), value_of(range)});
  FramingFields framing;
  const std::string_view bad_field = read_framing_fields(head.fields, framing);
  if (!bad_field.empty()) return bad_field;
  if (framing.transfer_encodings > 0 || framing.upgrades > 0) return "connection_field";
  head.reason = status_phrase(head.status);
  head.content_length = framing.content_length.value_or(0);
  const bool without_content = head.status < 200 || head.status == 204;
  if (without_content && head.content_length != 0) return "content_not_allowed";
  if (without_content || head.status == 304 || request_method == Method::head) {
    head.framing = Framing::none;
  } else {
    head.framing = framing.content_length ? Framing::content_length : Framing::chunked;
  }
  return {};
}

bool Http2FieldBlock::read_trailers(std::string& lines) {
  if (bytes_ > BodyDecoder::kMaxTrailerBytes || too_large() || too_many_) return false;
  if (pseudo_seen_ != 0) return false;
  for (const Range& range : ranges_) {
    line_.assign(name_of(range)).append(": ").append(value_of(range));
    if (!append_trailer_line(line_, lines)) return false;
  }
  return true;
}

}  // namespace flaskscale::http
