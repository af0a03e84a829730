// What a pool's clients ask for and what its backends do, as counters that only grow.
#pragma once

#include <cstdint>

namespace flaskscale::balancer {

// One reading, summed over the workers. Differences of two readings give rates and means; readings of
// several front doors may be added. Seconds are sums over requests.
struct LoadReading {
  uint64_t arrivals = 0;            // requests offered: served, queued and refused; retries not counted
  uint64_t dispatched = 0;          // slots taken
  uint64_t completions = 0;         // slots freed by a finished request
  double holding_seconds = 0;       // sum of slot-holding times of the completions
  double in_flight_seconds = 0;     // integral of the in-flight count up to the reading's time
  uint64_t refused = 0;
  uint64_t client_left = 0;         // left the queue
  // Gauges, now.
  uint64_t in_flight = 0;
  uint64_t queued = 0;
  uint64_t queued_bytes = 0;
  double oldest_wait_seconds = 0;
};

}  // namespace flaskscale::balancer
