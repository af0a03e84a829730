// Where tests find Google's discovery document, which is not part of this project.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "tests/support/gce/discovery.h"

namespace flaskscale::emulator {

// In ../shared/gce beside the source tree, or in gce/ of the folder that FLASKSCALE_SHARED names.
std::string discovery_path();

// Loaded once per program. An error: it is not there, and the test is to be skipped, or to fail if
// must_have_discovery().
Result<std::shared_ptr<const Discovery>> discovery_for_tests();

// FLASKSCALE_CI=1 in the environment: nothing may be skipped for want of the document.
bool must_have_discovery();

}  // namespace flaskscale::emulator
