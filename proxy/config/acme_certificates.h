// Which certificates of a model are got by name.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/model.h"

namespace flaskscale::config {

// The names of each certificate that ACME is to get, each set once.
std::vector<std::vector<std::string>> acme_certificates(const Model& model);

}  // namespace flaskscale::config
