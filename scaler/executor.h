// Where blocking provider calls run.
#pragma once

#include <functional>

namespace flaskscale::scaler {

class BlockingExecutor {
 public:
  virtual ~BlockingExecutor() = default;

  // Runs `blocking` on some other thread, then `then` on the control loop. Both are called exactly
  // once, or, if the program ends before, destroyed without being called.
  virtual void run(std::function<void()> blocking, std::function<void()> then) = 0;
};

}  // namespace flaskscale::scaler
