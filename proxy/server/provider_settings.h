// What a configuration asks of a pool's provider, in the provider's own terms.
#pragma once

#include <string>

#include "proxy/config/model.h"
#include "scaler/providers/docker_settings.h"
#include "scaler/providers/exec_settings.h"
#include "scaler/providers/gce_settings.h"
#include "scaler/providers/process_settings.h"

namespace flaskscale::server {

// The pool has scaling.
scaler::ProcessSettings process_settings(const config::PoolModel& pool,
                                         const std::string& state_dir);
scaler::DockerSettings docker_settings(const config::PoolModel& pool, const std::string& state_dir);
// `owner` as in GceSettings. What the file leaves open comes from this program's environment.
scaler::GceSettings gce_settings(const config::PoolModel& pool, const std::string& owner);
scaler::ExecSettings exec_settings(const config::PoolModel& pool);

}  // namespace flaskscale::server
