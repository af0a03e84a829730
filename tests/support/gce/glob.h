// Patterns with "*" and "?" for method ids and names.
#pragma once

#include <string_view>

namespace flaskscale::emulator {

// The whole text must match; "*" also matches nothing.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace flaskscale::emulator
