// [pools.NAME.scaling] as flat keys and values.
#pragma once

#include "proxy/config/flat_section.h"
#include "proxy/config/model.h"

namespace flaskscale::config {

// Of the providers' tables, that of the chosen one.
void flatten_scaling(const ScalingModel& scaling, Section section);

}  // namespace flaskscale::config
