// What the law remembers, as text: so that a restart doesn't forget.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "scaler/law.h"

namespace flaskscale::scaler {

// Whether the load's counters go on from where they were when the state was saved. They begin anew
// with the process that counts, which normally is the one that saves.
enum class Counters : uint8_t { restarted, continued };

// JSON, some 100 KiB after weeks. `wall` is what relates the state to another process's clock.
std::string save(const LawState& state, Time now, WallTime wall);

// Shifts what was saved by the time that has passed since. After more than ten minutes, or when
// that time is unknown (a wall clock that is the epoch or ran backwards), rates are dropped, and
// what was learned stays: boots, forecasts' errors, daily patterns; the needs that keep
// instances count from `now` on. With restarted counters nothing is taken away for a scale-in
// window, as after any start. What can't be read is an error, and the caller starts afresh.
Result<LawState> restore(std::string_view text, Time now, WallTime wall,
                         Counters counters = Counters::restarted);

}  // namespace flaskscale::scaler
