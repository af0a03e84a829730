// Runs a scaler's blocking calls in simulated time.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "scaler/executor.h"

namespace flaskscale::simulator {

// Calls take no time: what they answer is delivered when the tick that made them has ended.
class SimulatedExecutor final : public scaler::BlockingExecutor {
 public:
  void run(std::function<void()> blocking, std::function<void()> then) override {
    blocking();
    finished_.push_back(std::move(then));
  }

  // Delivers all answers, also of the calls that they lead to.
  void deliver() {
    while (!finished_.empty()) {
      const auto then = std::move(finished_.front());
      finished_.pop_front();
      then();
    }
  }

 private:
  std::deque<std::function<void()>> finished_;
};

}  // namespace flaskscale::simulator
