// The environment that this program's children get.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace flaskscale::scaler {

// This program's variables, without what a service manager told it alone, and `own` over them:
// "NAME=value".
std::vector<std::string> child_environment(const std::map<std::string, std::string>& own);

// Where a program is looked for: PATH of `own`, else this program's, else the usual folders.
std::string search_path(const std::map<std::string, std::string>& own);

}  // namespace flaskscale::scaler
