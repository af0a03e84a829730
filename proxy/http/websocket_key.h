// The handshake of a WebSocket client (RFC 6455 section 4.1): its key, and the answer it must get.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flaskscale::http {

// Sec-WebSocket-Key: 16 random bytes as base64.
std::string websocket_key(uint64_t random_high, uint64_t random_low);

// The Sec-WebSocket-Accept that belongs to a key.
std::string websocket_accept(std::string_view key);

}  // namespace flaskscale::http
