// One decision of a pool's scaler, or the reason why there was none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

enum class Action : uint8_t { scale_out, scale_in, undrain, replace, hold, observe };
std::string_view to_string(Action action);

// Inputs, formula and sentence are the newest repeat's in the last record of the log, the first's
// in those before.
struct Decision {
  uint64_t number = 0;  // from 1, per pool; given by the log
  Time at{};            // when it was first made
  Time last_at{};       // of the repeats, the last
  Action action = Action::hold;
  std::string reason;  // a snake_case word of a closed set, fit for a metric label
  uint32_t target = 0;
  uint32_t planned = 0;
  uint32_t need = 0;
  std::vector<std::pair<std::string, double>> inputs;  // finite values; a fixed set of names
  std::string formula;                                 // the law with its numbers
  std::string sentence;                                // for people
  uint64_t repeats = 1;  // equal decisions in a row, all in this record
};

}  // namespace flaskscale::scaler
