// Short ways to load configuration text, and to say what is expected of it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/loader.h"

namespace flaskscale::config {

// Only these variables are set.
Environment environment_of(std::map<std::string, std::string> variables);

// The problems of the text as "LINE:COLUMN: message (hint)".
std::vector<std::string> problems_of(std::string_view text,
                                     const Environment& environment = environment_of({}));

// The text must have no problem.
Model model_of(std::string_view text, const Environment& environment = environment_of({}));

// The text, then what a right file still needs: a listener, a route to the pool "app" and that
// pool.
std::string completed(std::string_view text);

// [pools.app] with `lines` (from line 2 on), and the rest of a right file below.
std::string with_pool(std::string_view lines);

}  // namespace flaskscale::config
