// The field lines of one complete head, told apart by llhttp.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/http/head.h"

namespace flaskscale::http {

enum class MessageKind : uint8_t { request, response };

// `head` is one complete head, start line to empty line, that HeadScanner has passed with
// `field_lines` field lines. Appends them to `fields`, values trimmed. Returns an empty view, or
// the reason of a Malformed. Allocates only when `fields` has to grow.
std::string_view read_field_lines(std::string_view head, MessageKind kind, uint32_t field_lines,
                                  std::vector<Field>& fields);

}  // namespace flaskscale::http
