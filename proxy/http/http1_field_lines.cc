#include "proxy/http/http1_field_lines.h"

#include <llhttp.h>

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"

namespace flaskscale::http {
namespace {

struct Collector {
  std::vector<Field>& fields;
  bool complete = false;
};

// The head is whole and unfolded, so that every name and every value comes in one piece; a second
// piece means that the two readings of the head differ.
constexpr int kDisagree = -1;

Collector& collector_of(llhttp_t* parser) { return *static_cast<Collector*>(parser->data); }

int on_name(llhttp_t* parser, const char* at, size_t length) noexcept {
  if (length == 0) return kDisagree;
  collector_of(parser).fields.push_back(
      {.name = std::string_view(at, length), .value = std::string_view(at + length, 0)});
  return 0;
}

int on_value(llhttp_t* parser, const char* at, size_t length) noexcept {
  std::vector<Field>& fields = collector_of(parser).fields;
  if (fields.empty() || !fields.back().value.empty()) return kDisagree;
  fields.back().value = trim(std::string_view(at, length));
  return 0;
}

int on_end(llhttp_t* parser) noexcept {
  collector_of(parser).complete = true;
  return HPE_PAUSED;
}

llhttp_settings_t make_settings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_header_field = on_name;
  settings.on_header_value = on_value;
  settings.on_headers_complete = on_end;
  return settings;
}

bool has(const std::vector<Field>& fields, KnownField wanted) {
  for (const Field& field : fields) {
    if (known_field(field.name) == wanted) return true;
  }
  return false;
}

std::string_view reason_of(llhttp_errno_t error, const std::vector<Field>& fields) {
  switch (error) {
    case HPE_INVALID_HEADER_TOKEN:
    case HPE_UNEXPECTED_SPACE:
      return "bad_field_line";
    case HPE_INVALID_CONTENT_LENGTH:
      return "bad_content_length";
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      return has(fields, KnownField::transfer_encoding) ? "length_and_transfer_encoding"
                                                        : "duplicate_content_length";
    case HPE_INVALID_TRANSFER_ENCODING:
      return has(fields, KnownField::content_length) ? "length_and_transfer_encoding"
                                                     : "bad_transfer_encoding";
    default:
      return "bad_head";
  }
}

}  // namespace

std::string_view read_field_lines(std::string_view head, MessageKind kind, uint32_t field_lines,
                                  std::vector<Field>& fields) {
  static const llhttp_settings_t kSettings = make_settings();
  Collector collector{.fields = fields};
  llhttp_t parser;
  llhttp_init(&parser, kind == MessageKind::request ? HTTP_REQUEST : HTTP_RESPONSE, &kSettings);
  parser.data = &collector;

  const llhttp_errno_t error = llhttp_execute(&parser, head.data(), head.size());

  if (error != HPE_PAUSED) return reason_of(error, fields);
  if (!collector.complete || fields.size() != field_lines) return "bad_head";
  return {};
}

}  // namespace flaskscale::http
