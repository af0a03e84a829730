// What a pool's clients asked for and what its backends did, as the scaler reads it once a second.
#pragma once

#include <cstdint>

namespace flaskscale::scaler {

// Additive: samples of several front doors may be summed field by field (the oldest wait: the
// maximum). Counters are cumulative and only grow; a front door that is silent contributes its last
// known values, and `coverage` says what share was heard. Seconds are sums over requests.
struct LoadSample {
  uint64_t arrivals = 0;       // requests offered: served, queued and refused; retries not counted
  uint64_t dispatched = 0;     // slots taken
  uint64_t completions = 0;    // slots freed by a finished request
  double holding_seconds = 0;  // sum of the slot-holding times of the completions
  double in_flight_seconds = 0;  // integral of the in-flight count
  // Gauges, now.
  uint64_t in_flight = 0;
  uint64_t queued = 0;
  double oldest_wait_seconds = 0;
  double coverage =
      1;  // front doors heard / front doors alive, 0 … 1; 0: nothing is known this time
};

}  // namespace flaskscale::scaler
