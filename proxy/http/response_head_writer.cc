#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"
#include "proxy/http/head_cursor.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/nominated_fields.h"
#include "proxy/http/response_fields.h"

namespace flaskscale::http {
namespace {

// More than all that is written besides received fields and the request id, which are counted.
constexpr size_t kFixedResponseBytes = 384;

void write_status_line(const ResponseHead& head, HeadCursor& out) {
  out.literal("HTTP/1.1 ");
  out.number(head.status);
  out.literal(" ");
  if (none_has_bit(head.reason, char_bit::kControl)) out.text(head.reason);
  out.literal("\r\n");
}

void write_framing(const ResponseHead& head, Framing framing, HeadCursor& out) {
  switch (framing) {
    case Framing::chunked:
      out.literal("Transfer-Encoding: chunked\r\n");
      return;
    case Framing::content_length:
      out.literal("Content-Length: ");
      out.number(head.content_length);
      out.literal("\r\n");
      return;
    case Framing::none:
    case Framing::until_close:
      return;
  }
}

void write_connection(const ResponseHead& head, Version client_version, ClientConnectionAfter after,
                      HeadCursor& out) {
  const bool upgrade = !head.upgrade.empty() && (head.status == 101 || head.status == 426);
  if (head.status < 200) {
    if (upgrade) out.literal("Connection: upgrade\r\n");
  } else if (after == ClientConnectionAfter::close) {
    if (upgrade) {
      out.literal("Connection: close, upgrade\r\n");
    } else {
      out.literal("Connection: close\r\n");
    }
  } else if (client_version == Version::http10) {
    out.literal("Connection: keep-alive\r\n");
  } else if (upgrade) {
    out.literal("Connection: upgrade\r\n");
  }
  if (upgrade) out.field("Upgrade", head.upgrade);
}

}  // namespace

void write_response_head(const ResponseHead& head, Framing framing, Version client_version,
                         ClientConnectionAfter after, std::string_view request_id,
                         std::string& out) {
  const NominatedFields nominated(head.fields);
  HeadCursor cursor(out, kFixedResponseBytes + nominated.line_bytes() + head.reason.size() +
                             head.upgrade.size() + request_id.size());
  const bool informational = head.status < 200;
  // A length without content: what HEAD and 304 say about the content that is not there.
  const bool keep_length = framing == Framing::none && !informational && head.status != 204;
  bool has_request_id = false;

  write_status_line(head, cursor);
  for (const Field& field : head.fields) {
    const KnownField known = known_field(field.name);
    if (known == KnownField::content_length && keep_length) {
      cursor.field(field.name, field.value);
      continue;
    }
    if (!passes_to_client(known, field.name, framing, nominated)) continue;
    if (known == KnownField::x_request_id) has_request_id = true;
    cursor.field(field.name, field.value);
  }
  write_framing(head, framing, cursor);
  if (framing == Framing::until_close) after = ClientConnectionAfter::close;
  write_connection(head, client_version, after, cursor);
  if (!informational) {
    if (!has_request_id && !request_id.empty()) cursor.field("X-Request-Id", request_id);
    switch (head.version) {
      case Version::http10:
        cursor.literal("Via: 1.0 flaskscale\r\n");
        break;
      case Version::http11:
        cursor.literal("Via: 1.1 flaskscale\r\n");
        break;
      case Version::http2:
        cursor.literal("Via: 2.0 flaskscale\r\n");
        break;
    }
  }
  cursor.literal("\r\n");
  cursor.finish();
}

void append_chunk_size(uint64_t size, std::string& out) {
  char digits[18];
  const auto [end, error] = std::to_chars(digits, digits + 16, size, 16);
  FS_CHECK(error == std::errc());
  out.append(digits, end);
  out.append("\r\n");
}

}  // namespace flaskscale::http
