// Finds a loopback port for a new instance.
#pragma once

#include <cstdint>
#include <set>

#include "base/random.h"
#include "base/result.h"

namespace flaskscale::scaler {

// A port of 127.0.0.1 that nobody has now and that is not in `taken`; outside the range that the
// kernel gives to outgoing connections where that leaves room, so that none of these takes it
// before the instance listens.
Result<uint16_t> find_free_port(const std::set<uint16_t>& taken, Random& random);

}  // namespace flaskscale::scaler
