// How an answer of our own is told to a client of gRPC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flaskscale::http {

// The gRPC status code (0 … 16) that stands for an HTTP status of ours; the mapping that gRPC
// itself names for proxies, but for the answers that have a closer code: 504 is DEADLINE_EXCEEDED,
// 413 and 431 RESOURCE_EXHAUSTED, 501 UNIMPLEMENTED.
uint8_t grpc_status_of(uint16_t http_status);

// Appends "grpc-status: …\r\ngrpc-message: …\r\n". `reason` is percent-encoded where it must be.
void append_grpc_status(uint16_t http_status, std::string_view reason, std::string& lines);

}  // namespace flaskscale::http
