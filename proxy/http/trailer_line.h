// One field line of a trailer section.
#pragma once

#include <string>
#include <string_view>

namespace flaskscale::http {

// `line` without its CRLF. Appends "Name: value\r\n" to `out` if the field may stand in a trailer,
// nothing if it must not (RFC 9110 section 6.5.1). False if the line is malformed.
bool append_trailer_line(std::string_view line, std::string& out);

}  // namespace flaskscale::http
