// One thing that a provider has looked at before it is trusted with work: `flaskscale check
// --online`.
#pragma once

#include <string>

namespace flaskscale::scaler {

struct CheckFinding {
  std::string what;  // what was looked at: "group shop in us-central1-a: update policy"
  bool fine = false;
  std::string detail;  // what was found: "OPPORTUNISTIC"; for what is not fine, what is wrong
  std::string hint;    // not fine: what to do about it; may be empty
};

}  // namespace flaskscale::scaler
