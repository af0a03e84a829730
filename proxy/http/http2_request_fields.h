// The fields of a request to a backend that speaks HTTP/2.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/http/head.h"

namespace flaskscale::http {

// Made from what write_request_head() has written, so that there is one place that decides what a
// backend is told: pseudo fields instead of request line and Host, and nothing that belongs to a
// connection of HTTP/1 but "TE: trailers" (RFC 9113 section 8.2.2). `fields` begins anew; its views
// point into `head`. The scheme is that of the connection, as for HTTP/1.1: what the client used is
// in X-Forwarded-Proto. Names as they are: the session makes them lower case.
void read_request_fields(std::string_view head, std::vector<Field>& fields);

// Whether a request or response with this Content-Type is gRPC's own protocol over HTTP/2 (and not
// gRPC-Web, whose trailers are content).
bool is_grpc(std::string_view content_type);

}  // namespace flaskscale::http
