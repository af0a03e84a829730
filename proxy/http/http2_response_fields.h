// The fields of what FlaskScale sends over HTTP/2, written anew from validated parts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/head.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::http {

// Appends the fields of lines "Name: value\r\n", as views into them.
void split_field_lines(std::string_view lines, std::vector<Field>& fields);

// One head or trailer section about to be sent. Its views point into what it was made from and into
// itself; each method begins anew. Names as received: the session makes them lower case.
class Http2ResponseFields {
 public:
  // As write_response_head(), without what belongs to a connection of HTTP/1. A 101 becomes 200
  // (RFC 8441 section 5), without Sec-WebSocket-Accept.
  void take_head(const ResponseHead& head, std::string_view request_id);
  // `lines`: "Name: value\r\n" …; they must stand.
  void take_lines(std::string_view lines);
  // An answer of our own; its body is kept in `body()`. For gRPC there is none, and the fields are
  // the trailers too.
  void take_answer(const OwnAnswer& answer);

  const std::vector<Field>& fields() const { return fields_; }
  const std::string& body() const { return body_; }
  // Of all names and values.
  size_t bytes() const;

 private:
  void begin();
  void take_grpc_answer(const OwnAnswer& answer);
  void add_status(uint16_t status);

  std::vector<Field> fields_;
  std::string status_;
  std::string length_;
  std::string lines_;
  std::string body_;
};

}  // namespace flaskscale::http
