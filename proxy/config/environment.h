// Variables of the environment in the texts of a configuration file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "proxy/config/node.h"
#include "proxy/config/problem_list.h"

namespace flaskscale::config {

// The value of a variable, or none. Injected, so that a check does not depend on who runs it.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The variables of this process. Only before threads change the environment.
Environment process_environment();

// Replaces "${NAME}" in every text below `node`, and "$${" by "${". Values are not searched again.
// A missing variable or a malformed name is a problem at its text.
void expand_environment(Node& node, const Environment& environment, ProblemList& problems);

}  // namespace flaskscale::config
