// The table of part 4 of the specification, as text.
#pragma once

#include <string>

#include "bench/scaling/standings.h"

namespace flaskscale::bench {

std::string table_head();
std::string table_row(const std::string& load, const std::string& law, const std::string& queue,
                      const Figures& figures);

}  // namespace flaskscale::bench
