// Whether a piece of a message is its last.
#pragma once

#include <cstdint>

namespace flaskscale::forward {

enum class End : uint8_t { more_follows, last };

}  // namespace flaskscale::forward
