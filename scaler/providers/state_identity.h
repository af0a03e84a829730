// The name by which things that outlive this program know whose they are.
#pragma once

#include <string>

#include "base/result.h"

namespace flaskscale::scaler {

// 16 hexadecimal digits, kept in state_dir/identity: made at random the first time, the same ever
// after. Two programs that ask at once get the same. The error is one line that says what to do.
Result<std::string> state_identity(const std::string& state_dir);

}  // namespace flaskscale::scaler
