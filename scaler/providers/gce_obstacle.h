// What kind of trouble an error code of an operation or a creation attempt is.
#pragma once

#include <string>
#include <vector>

#include "scaler/provider.h"
#include "scaler/providers/gce_model.h"

namespace flaskscale::scaler {

// Of several problems the one that only an operator can mend comes first. `none`: there are none,
// or only such as the group gets over by itself within seconds.
Obstacle obstacle_of(const std::vector<GceProblem>& problems);

// "ZONE_RESOURCE_POOL_EXHAUSTED: The zone … does not have enough resources …"
std::string text_of(const std::vector<GceProblem>& problems);

// Whether it says that a name is taken.
bool is_name_taken(const GceProblem& problem);

}  // namespace flaskscale::scaler
