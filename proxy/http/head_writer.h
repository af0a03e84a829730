// The heads that FlaskScale sends, always written anew from validated parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/head.h"

namespace flaskscale::http {

// What the proxy knows about a request besides its head.
struct RequestFacts {
  std::string_view client_address;  // "203.0.113.7" or "2001:db8::1", no port, no brackets
  std::string_view scheme;          // "http" or "https", as the client connected
  std::string_view request_id;      // generated unless a trusted proxy sent a valid one
  bool client_is_trusted = false;   // its X-Forwarded-*, Forwarded and X-Request-Id are extended or kept; else replaced
};

// Appends the request head for a backend: origin-form target (or "*"), Host from `head.authority`, hop-by-hop fields
// and those that Connection names removed (never Host, Content-Length, Transfer-Encoding by nomination), framing
// generated from `head.framing`, Via, X-Forwarded-For/-Proto/-Host, Forwarded and X-Request-Id written.
// With an upgrade: "Connection: upgrade" and "Upgrade: …" are written.
void write_request_head(const RequestHead& head, const RequestFacts& facts, std::string& out);

enum class ClientConnectionAfter : uint8_t { keep, close };

// Appends the response head for the client. `framing` is what the client will get: chunked must not be given for an
// HTTP/1.0 client. The status line, Via and the framing and Connection fields are ours; Date and Server pass as the
// backend sent them. X-Request-Id is added if the backend sent none.
void write_response_head(const ResponseHead& head, Framing framing, Version client_version,
                         ClientConnectionAfter after, std::string_view request_id, std::string& out);

// Appends a complete answer of our own, body included.
struct OwnAnswer {
  uint16_t status = 500;
  std::string_view reason;       // the word of log and metrics, shown in the body
  std::string_view request_id;
  uint32_t retry_after_s = 0;    // 0: no Retry-After
  bool wants_json = false;       // by Accept; else a small HTML page
  bool head_only = false;        // the request was HEAD
  ClientConnectionAfter after = ClientConnectionAfter::keep;
};
void write_own_answer(const OwnAnswer& answer, std::string& out);

// The standard phrase of a status ("Service Unavailable"), empty if unknown.
std::string_view status_phrase(uint16_t status);

// True if an Accept value prefers JSON over HTML.
bool prefers_json(std::string_view accept);

// Appends "<hex size>\r\n" of a chunk.
void append_chunk_size(uint64_t size, std::string& out);

}  // namespace flaskscale::http
