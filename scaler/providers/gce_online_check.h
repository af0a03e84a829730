// Whether this machine may and can scale the groups that the configuration names.
#pragma once

#include <vector>

#include "scaler/check_finding.h"
#include "scaler/providers/gce_settings.h"
#include "scaler/providers/gce_transport.h"

namespace flaskscale::scaler {

// Credentials, project, zones, groups and their policies, and every permission to read that scaling
// needs; the one to change a group (compute.instanceGroupManagers.update) can't be tried without a
// change. Some ten calls per zone, which count against the budget.
std::vector<CheckFinding> check_gce(const GceSettings& settings, GceTransport& transport);

}  // namespace flaskscale::scaler
