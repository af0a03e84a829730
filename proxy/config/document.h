// TOML text to nodes: the only place that knows the TOML library.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/config/node.h"
#include "proxy/config/problem_list.h"

namespace flaskscale::config {

// The root table; none, and one problem, if the text is not TOML.
std::optional<Node> parse_document(std::string_view text, ProblemList& problems);

}  // namespace flaskscale::config
