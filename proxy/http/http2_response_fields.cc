#include "proxy/http/http2_response_fields.h"

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"
#include "proxy/http/grpc_status.h"
#include "proxy/http/nominated_fields.h"
#include "proxy/http/response_fields.h"

namespace flaskscale::http {
namespace {

std::string_view via_of(Version version) {
  switch (version) {
    case Version::http10:
      return "1.0 flaskscale";
    case Version::http11:
      return "1.1 flaskscale";
    case Version::http2:
      return "2.0 flaskscale";
  }
  return "1.1 flaskscale";
}

}  // namespace

void Http2ResponseFields::begin() {
  fields_.clear();
  body_.clear();
}

void Http2ResponseFields::add_status(uint16_t status) {
  status_ = std::to_string(status);
  fields_.push_back({":status", status_});
}

void Http2ResponseFields::take_head(const ResponseHead& head, std::string_view request_id) {
  begin();
  const NominatedFields nominated(head.fields);
  const bool switched = head.status == 101;
  const bool informational = head.status < 200 && !switched;
  // A length without content: what HEAD and 304 say about the content that is not there.
  const bool keep_length =
      head.framing == Framing::none && head.status >= 200 && head.status != 204;
  bool has_request_id = false;
  add_status(switched ? 200 : head.status);
  for (const Field& field : head.fields) {
    const KnownField known = known_field(field.name);
    if (known == KnownField::content_length && keep_length) {
      fields_.push_back(field);
      continue;
    }
    if (!passes_to_client(known, field.name, head.framing, nominated)) continue;
    if (switched && equals_lower(field.name, "sec-websocket-accept")) continue;
    if (known == KnownField::x_request_id) has_request_id = true;
    fields_.push_back(field);
  }
  if (head.framing == Framing::content_length) {
    length_ = std::to_string(head.content_length);
    fields_.push_back({"content-length", length_});
  }
  if (informational) return;
  if (!has_request_id && !request_id.empty()) fields_.push_back({"x-request-id", request_id});
  fields_.push_back({"via", via_of(head.version)});
}

void Http2ResponseFields::take_lines(std::string_view lines) {
  begin();
  split_field_lines(lines, fields_);
}

void Http2ResponseFields::take_answer(const OwnAnswer& answer) {
  begin();
  if (answer.is_grpc) {
    take_grpc_answer(answer);
    return;
  }
  append_answer_body(answer, body_);
  lines_.clear();
  append_answer_fields(answer, body_.size(), lines_);
  if (answer.head_only) body_.clear();
  add_status(answer.status);
  split_field_lines(lines_, fields_);
}

void Http2ResponseFields::take_grpc_answer(const OwnAnswer& answer) {
  lines_.clear();
  if (!answer.date.empty()) lines_.append("date: ").append(answer.date).append("\r\n");
  if (!answer.request_id.empty()) {
    lines_.append("x-request-id: ").append(answer.request_id).append("\r\n");
  }
  append_grpc_status(answer.status, answer.reason, lines_);
  add_status(200);
  fields_.push_back({"content-type", "application/grpc"});
  split_field_lines(lines_, fields_);
}

void split_field_lines(std::string_view lines, std::vector<Field>& fields) {
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    fields.push_back({line.substr(0, colon), trim(line.substr(colon + 1))});
  }
}

size_t Http2ResponseFields::bytes() const {
  size_t total = 0;
  for (const Field& field : fields_) total += field.name.size() + field.value.size() + 4;
  return total;
}

}  // namespace flaskscale::http
