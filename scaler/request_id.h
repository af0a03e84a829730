// The identity of one logical action towards a provider.
#pragma once

#include <string>

#include "base/random.h"

namespace flaskscale::scaler {

// A random UUID (version 4), lower case.
std::string new_request_id(Random& random);

}  // namespace flaskscale::scaler
