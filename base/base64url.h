// base64url without padding (RFC 4648, part 5), as JSON web tokens and ACME want it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flaskscale {

std::string base64url(std::string_view bytes);

// None: not of that alphabet, or of a length that no bytes have.
std::optional<std::string> from_base64url(std::string_view text);

// True for a text of that alphabet only; the empty one too.
bool is_base64url(std::string_view text);

}  // namespace flaskscale
