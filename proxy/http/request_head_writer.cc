#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"
#include "proxy/http/head_cursor.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/nominated_fields.h"

namespace flaskscale::http {
namespace {

// More than all that is written besides received fields and the facts, which are counted.
constexpr size_t kFixedRequestBytes = 512;

constexpr std::string_view kClientSubject = "X-Forwarded-Client-Cert-Subject";
constexpr std::string_view kClientSubjectLower = "x-forwarded-client-cert-subject";

size_t bound_of(const RequestHead& head, const RequestFacts& facts, size_t line_bytes) {
  size_t edits = facts.path.size() + 2 * facts.path_prefix.size();
  if (facts.edits != nullptr) {
    for (const auto& line : facts.edits->added) edits += line.name.size() + line.value.size() + 4;
  }
  return kFixedRequestBytes + line_bytes + edits + head.method_text.size() + head.path.size() +
         3 * head.authority.size() + head.upgrade.size() + 2 * facts.client_address.size() +
         facts.client_subject.size() + 2 * facts.scheme.size() + facts.request_id.size();
}

bool is_forwarded_prefix(const Field& field) {
  return equals_lower(field.name, "x-forwarded-prefix");
}

// What was seen of the fields that are written at the end.
struct Seen {
  bool forwarded_for = false;
  bool forwarded_proto = false;
  bool forwarded_host = false;
  bool forwarded = false;
  bool client_subject = false;
  std::string_view request_id;
  bool te_trailers = false;
};

bool asks_for_trailers(std::string_view te) {
  return !for_each_element(te, [](std::string_view coding) {
    return !equals_lower(trim(coding.substr(0, coding.find(';'))), "trailers");
  });
}

// Passes or drops one received field, or remembers it.
void write_received_field(const Field& field, const RequestHead& head, const RequestFacts& facts,
                          const NominatedFields& nominated, Seen& seen, HeadCursor& out) {
  const bool trusted = facts.client_is_trusted;
  bool pass = false;
  switch (known_field(field.name)) {
    case KnownField::unknown:
      pass = !nominated.contains(field.name) &&
             (facts.edits == nullptr || !facts.edits->removes(field.name));
      break;
    case KnownField::via:
      pass = true;
      break;
    case KnownField::trailer:
      pass = head.framing == Framing::chunked;
      break;
    case KnownField::te:
      seen.te_trailers = seen.te_trailers || asks_for_trailers(field.value);
      break;
    case KnownField::forwarded:
      seen.forwarded = true;
      break;
    case KnownField::x_forwarded_for:
      seen.forwarded_for = true;
      break;
    case KnownField::x_forwarded_proto:
      seen.forwarded_proto = pass = trusted;
      break;
    case KnownField::x_forwarded_host:
      seen.forwarded_host = pass = trusted;
      break;
    case KnownField::x_forwarded_other:
      pass = trusted && (facts.path_prefix.empty() || !is_forwarded_prefix(field));
      if (pass && equals_lower(field.name, kClientSubjectLower)) seen.client_subject = true;
      break;
    case KnownField::x_real_ip:
      pass = trusted;
      break;
    case KnownField::x_request_id:
      if (seen.request_id.empty()) seen.request_id = field.value;
      break;
    case KnownField::host:
    case KnownField::connection:
    case KnownField::content_length:
    case KnownField::transfer_encoding:
    case KnownField::expect:
    case KnownField::upgrade:
    case KnownField::keep_alive:
    case KnownField::proxy_connection:
    case KnownField::proxy_authenticate:
    case KnownField::proxy_authentication_info:
    case KnownField::proxy_authorization:
    case KnownField::lookalike:
      break;
  }
  if (pass) out.field(field.name, field.value);
}

void write_connection_and_framing(const RequestHead& head, const RequestFacts& facts,
                                  const Seen& seen, HeadCursor& out) {
  if (head.framing == Framing::chunked) {
    out.literal("Transfer-Encoding: chunked\r\n");
  } else if (head.framing == Framing::content_length) {
    out.literal("Content-Length: ");
    out.number(head.content_length);
    out.literal("\r\n");
  } else if (head.method == Method::post || head.method == Method::put ||
             head.method == Method::patch) {
    out.literal("Content-Length: 0\r\n");
  }
  if (head.expect_continue && facts.forward_expect) out.literal("Expect: 100-continue\r\n");
  if (!head.upgrade.empty()) {
    out.literal("Connection: upgrade\r\n");
    out.field("Upgrade", head.upgrade);
  } else if (seen.te_trailers && head.version >= Version::http11) {
    out.literal("TE: trailers\r\nConnection: TE\r\n");
  }
}

// The received values of one list field, each followed by ", ".
void write_received_list(const RequestHead& head, KnownField which, HeadCursor& out) {
  for (const Field& field : head.fields) {
    if (field.value.empty() || known_field(field.name) != which) continue;
    out.text(field.value);
    out.literal(", ");
  }
}

// "for=…;proto=…;host=…" (RFC 7239). Neither an address nor a validated authority needs escapes.
void write_forwarded_element(const RequestHead& head, const RequestFacts& facts, HeadCursor& out) {
  if (facts.client_address.empty()) {
    out.literal("for=unknown");
  } else if (facts.client_address.find(':') != std::string_view::npos) {
    out.literal("for=\"[");
    out.text(facts.client_address);
    out.literal("]\"");
  } else {
    out.literal("for=");
    out.text(facts.client_address);
  }
  out.literal(";proto=");
  out.text(facts.scheme);
  if (head.authority.empty()) return;
  out.literal(";host=\"");
  out.text(head.authority);
  out.literal("\"");
}

// A proxy before us may have taken off a prefix too: its comes first.
void write_forwarded_prefix(const RequestHead& head, const RequestFacts& facts, HeadCursor& out) {
  if (facts.path_prefix.empty()) return;
  out.literal("X-Forwarded-Prefix: ");
  if (facts.client_is_trusted) {
    for (const Field& field : head.fields) {
      if (!is_forwarded_prefix(field)) continue;
      out.text(field.value);
      break;
    }
  }
  out.text(facts.path_prefix);
  out.literal("\r\n");
}

void write_forwarding(const RequestHead& head, const RequestFacts& facts, const Seen& seen,
                      HeadCursor& out) {
  const bool trusted = facts.client_is_trusted;
  if (!facts.client_address.empty() || (trusted && seen.forwarded_for)) {
    out.literal("X-Forwarded-For: ");
    if (trusted && seen.forwarded_for) {
      write_received_list(head, KnownField::x_forwarded_for, out);
    }
    out.text(facts.client_address.empty() ? "unknown" : facts.client_address);
    out.literal("\r\n");
  }
  if (!seen.forwarded_proto) out.field("X-Forwarded-Proto", facts.scheme);
  if (!seen.client_subject && !facts.client_subject.empty()) {
    out.field(kClientSubject, facts.client_subject);
  }
  if (!seen.forwarded_host && !head.authority.empty()) {
    out.field("X-Forwarded-Host", head.authority);
  }
  const bool extend = trusted && seen.forwarded;
  if (!trusted || extend || !seen.forwarded_for) {
    out.literal("Forwarded: ");
    if (extend) write_received_list(head, KnownField::forwarded, out);
    write_forwarded_element(head, facts, out);
    out.literal("\r\n");
  }
  const bool keep_id = trusted && is_valid_request_id(seen.request_id);
  const std::string_view id = keep_id ? seen.request_id : facts.request_id;
  if (!id.empty()) out.field("X-Request-Id", id);
}

}  // namespace

bool is_valid_request_id(std::string_view id) { return id.size() <= 128 && is_token(id); }

void write_request_head(const RequestHead& head, const RequestFacts& facts, std::string& out) {
  const NominatedFields nominated(head.fields);
  HeadCursor cursor(out, bound_of(head, facts, nominated.line_bytes()));
  Seen seen;

  cursor.text(head.method_text);
  cursor.literal(" ");
  cursor.text(facts.path.empty() ? head.path : facts.path);
  cursor.literal(" HTTP/1.1\r\nHost: ");
  cursor.text(head.authority);
  cursor.literal("\r\n");
  for (const Field& field : head.fields) {
    write_received_field(field, head, facts, nominated, seen, cursor);
  }
  if (facts.edits != nullptr) {
    for (const auto& line : facts.edits->added) cursor.field(line.name, line.value);
  }
  write_connection_and_framing(head, facts, seen, cursor);
  write_forwarding(head, facts, seen, cursor);
  write_forwarded_prefix(head, facts, cursor);
  switch (head.version) {
    case Version::http10:
      cursor.literal("Via: 1.0 flaskscale\r\n\r\n");
      break;
    case Version::http11:
      cursor.literal("Via: 1.1 flaskscale\r\n\r\n");
      break;
    case Version::http2:
      cursor.literal("Via: 2.0 flaskscale\r\n\r\n");
      break;
  }
  cursor.finish();
}

}  // namespace flaskscale::http
