// Reads HTTP/1.1 requests from a byte stream.
#pragma once

#include <optional>
#include <string>

#include "tests/support/gce/web_message.h"

namespace flaskscale::emulator {

enum class WebParse : uint8_t { incomplete, complete, bad };

// Takes one whole request off the begin of `received`. `incomplete` with a complete head that
// expects it: `wants_continue` is set.
WebParse take_request(std::string& received, WebRequest& request, bool& wants_continue);

std::string to_wire(const WebReply& reply, bool keep_alive);

}  // namespace flaskscale::emulator
