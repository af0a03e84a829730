// `flaskscale check --online`: asks the providers whether they could do what they may be asked.
#pragma once

#include <ostream>

#include "proxy/config/model.h"

namespace flaskscale::server {

// One line for each thing looked at, of each pool with scaling. Changes nothing. False: something
// would fail. Blocks.
bool check_online(const config::Model& model, std::ostream& out);

}  // namespace flaskscale::server
