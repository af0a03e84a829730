// Cookies of a request.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/http/head.h"

namespace flaskscale::http {

// The value of the first cookie with that name (case counts), without quotes around it; empty if
// there is none.
std::string_view find_cookie(const std::vector<Field>& fields, std::string_view name);

}  // namespace flaskscale::http
