// What a pool's clients ask for and what its backends do, as counters that only grow.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/time.h"

namespace flaskscale::balancer {

// One reading, summed over the workers. Differences of two readings give rates and means; readings
// of several front doors may be added. Seconds are sums over requests.
struct LoadReading {
  uint64_t arrivals = 0;       // requests offered: served, queued and refused; retries not counted
  uint64_t dispatched = 0;     // slots taken
  uint64_t completions = 0;    // slots freed by a finished request
  double holding_seconds = 0;  // sum of slot-holding times of the completions
  double in_flight_seconds = 0;  // integral of the in-flight count up to the reading's time
  uint64_t refused = 0;
  uint64_t client_left = 0;  // left the queue
  // Gauges, now.
  uint64_t in_flight = 0;
  uint64_t queued = 0;
  uint64_t queued_bytes = 0;
  double oldest_wait_seconds = 0;
};

// Counts without locks, each worker on its own cache line. Any thread, except where a line says
// otherwise.
class LoadMeter {
 public:
  explicit LoadMeter(uint16_t workers);

  // The common case in one count: a new request that got a slot without waiting.
  void count_served_arrival(uint16_t worker, Time now);
  void count_arrival(uint16_t worker);
  // A slot taken by a request that waited or is a retry.
  void count_take(uint16_t worker, Time now);
  // The worker is the one that took.
  void count_release(uint16_t worker, Time now);
  void count_completion(uint16_t worker, Duration held);
  void count_refused(uint64_t requests) { refused_.fetch_add(requests, std::memory_order_relaxed); }
  void count_client_left() { client_left_.fetch_add(1, std::memory_order_relaxed); }

  uint64_t in_flight() const;
  // Must be called every few minutes at least: the lines count time with 40 bits.
  void integrate(Time now);
  // All but the queue's gauges.
  LoadReading read(Time now);

 private:
  // flow: the low 24 bits count what is in flight; the 40 bits above sum the times of releases less
  // those of takes, in ticks of 2^14 ns. One word, so that count and sum always belong together:
  // count × now + sum is the integral of the in-flight count, exact to the tick, modulo 2^40 ticks.
  struct alignas(64) Line {
    std::atomic<uint64_t> flow{0};
    std::atomic<uint64_t> served_arrivals{0};
    std::atomic<uint64_t> other_arrivals{0};
    std::atomic<uint64_t> other_takes{0};
    std::atomic<uint64_t> completions{0};
    std::atomic<uint64_t> held_ns{0};
  };

  Line& line(uint16_t worker) { return lines_[worker < count_ ? worker : 0]; }

  const uint16_t count_;
  const std::unique_ptr<Line[]> lines_;
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> client_left_{0};

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<uint64_t> last_integral_;  // of each line, modulo 2^40
  double in_flight_seconds_ = 0;
  double reported_seconds_ = 0;
};

}  // namespace flaskscale::balancer
