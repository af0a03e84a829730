// What the list command of an exec provider writes, as reports.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "scaler/provider.h"

namespace flaskscale::scaler {

// One JSON object a line:
//   {"name":"shop-ab12cd", "state":"running", "address":"10.0.0.7:8000", "id":"4711", "zone":"a",
//    "version":"v3", "outdated":false, "detail":"…", "obstacle":"capacity"}
// Only name and state must be there; state is booting, running, leaving, stopped, exited or failed,
// obstacle (of what failed) capacity, quota, configuration or other. Empty lines are nothing, other
// keys are ignored. One line that is not like this makes the whole list an error: half of a list
// would look like lost instances. So does a name that is there twice.
Result<std::vector<InstanceReport>> parse_exec_list(std::string_view text);

}  // namespace flaskscale::scaler
