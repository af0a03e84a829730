// How many retries may run at once: a share of the requests in flight, with a floor.
#pragma once

#include <atomic>
#include <cstdint>

namespace flaskscale::balancer {

// Any thread.
class RetryBudget {
 public:
  void configure(double share, uint32_t floor) {
    share_.store(share, std::memory_order_relaxed);
    floor_.store(floor, std::memory_order_relaxed);
  }

  // Counts one more active retry if the budget allows it. Pair with end().
  bool try_begin(uint64_t in_flight);
  void end();

 private:
  std::atomic<double> share_{0};
  std::atomic<uint32_t> floor_{0};
  std::atomic<uint32_t> active_{0};
};

}  // namespace flaskscale::balancer
