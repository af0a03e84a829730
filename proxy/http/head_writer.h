// The heads that FlaskScale sends, always written anew from validated parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/field_edits.h"
#include "proxy/http/head.h"

namespace flaskscale::http {

// What the proxy knows about a request besides its head.
struct RequestFacts {
  std::string_view client_address = {};  // "203.0.113.7" or "2001:db8::1", no port, no brackets
  std::string_view scheme = {};          // "http" or "https", as the client connected
  std::string_view request_id = {};      // generated unless a trusted proxy sent a valid one
  std::string_view client_subject = {};  // of its verified certificate (RFC 2253); empty: none
  bool client_is_trusted =
      false;  // its X-Forwarded-*, Forwarded and X-Request-Id are extended or kept; else replaced
  bool forward_expect = true;         // false when the caller answers "Expect: 100-continue" itself
  std::string_view path = {};         // in the place of head.path; empty: that
  std::string_view path_prefix = {};  // what `path` lacks of it, told by X-Forwarded-Prefix
  const FieldEdits* edits = nullptr;  // of the route; null: none
};

// A token of at most 128 characters: may be taken over from a trusted proxy.
bool is_valid_request_id(std::string_view id);

// Appends the request head for a backend, always HTTP/1.1.
//  - Target in origin-form (or "*"), Host from `head.authority`.
//  - Removed: hop-by-hop and Proxy-* fields, and what Connection names unless it is end-to-end
//  critical
//    (framing, routing, credentials, content, caching: field_name.h). "TE: trailers" is passed on
//    when the client is HTTP/1.1 and asks for no upgrade; Trailer when the body is chunked; Expect
//    by `facts`.
//  - Framing is generated from `head.framing`; POST, PUT and PATCH without a body say
//  "Content-Length: 0".
//  - With an upgrade: "Connection: upgrade" and "Upgrade: ...".
//  - Via is appended. From an untrusted client every X-Forwarded-*, Forwarded, X-Real-IP and
//  X-Request-Id
//    is dropped, and ours written. From a trusted one X-Forwarded-For is extended,
//    X-Forwarded-Proto and -Host are kept or else written, the others kept; Forwarded is extended
//    if it came, and written if no X-Forwarded-For came; X-Request-Id is kept if valid.
//  - X-Forwarded-Client-Cert-Subject is ours, but for what a trusted client says.
//  - Names with '_' that a WSGI server can't tell from one of the above ("X_Forwarded_For") are
//  dropped,
//    whoever sent them.
void write_request_head(const RequestHead& head, const RequestFacts& facts, std::string& out);

enum class ClientConnectionAfter : uint8_t { keep, close };

// Appends the response head for the client. `framing` is what the client will get: chunked must not
// be given for an HTTP/1.0 client. With none, the Content-Length that the backend names (HEAD, 304)
// is passed on. The status line, Via and the framing and Connection fields are ours; Date and
// Server pass as the backend sent them. X-Request-Id is added if the backend sent none. until_close
// implies `after` close. Upgrade is passed on with 101 and 426 only. 1xx heads carry no Via,
// Connection (but for 101) or X-Request-Id of ours.
void write_response_head(const ResponseHead& head, Framing framing, Version client_version,
                         ClientConnectionAfter after, std::string_view request_id,
                         std::string& out);

// Appends a complete answer of our own, body included.
struct OwnAnswer {
  uint16_t status = 500;
  std::string_view reason = {};  // the word of log and metrics, shown in the body
  std::string_view request_id = {};
  uint32_t retry_after_s = 0;  // 0: no Retry-After
  bool wants_json = false;     // by Accept; else a small HTML page
  bool head_only = false;      // the request was HEAD
  ClientConnectionAfter after = ClientConnectionAfter::keep;
  std::string_view date = {};  // the Date field's value (IMF-fixdate); empty: no Date
  Version client_version = Version::http11;
  // Over HTTP/2 only: the status is told as gRPC tells it, by trailers under an HTTP status 200.
  bool is_grpc = false;
  const FieldEdits* edits = nullptr;  // of the route: what it adds is sent too; null: none
};
void write_own_answer(const OwnAnswer& answer, std::string& out);

// Its parts, for other framings: the body, and the field lines ("Name: value\r\n") without
// Connection.
void append_answer_body(const OwnAnswer& answer, std::string& out);
void append_answer_fields(const OwnAnswer& answer, size_t body_bytes, std::string& out);

// The standard phrase of a status ("Service Unavailable"), empty if unknown.
std::string_view status_phrase(uint16_t status);

// True if an Accept value prefers JSON over HTML.
bool prefers_json(std::string_view accept);

// Appends "<hex size>\r\n" of a chunk.
void append_chunk_size(uint64_t size, std::string& out);

}  // namespace flaskscale::http
