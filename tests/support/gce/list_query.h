// What a list call asks for: a filter, a page, some of the fields.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

// Says whether a resource (as JSON) is wanted.
using ListFilter = std::function<bool(const Json&)>;

// Both styles of the API, one per expression: `(status = RUNNING) (name != x)` with =, !=, :, AND,
// and `name eq 'lb-.*'` with eq, ne. On name, id, status, zone and labels.X only; else an error.
Result<ListFilter> parse_filter(std::string_view text);

// `fields=` of a request: "a,b/c,d(e,f)", "*".
Result<Json> select_fields(const Json& value, std::string_view fields);

}  // namespace flaskscale::emulator
