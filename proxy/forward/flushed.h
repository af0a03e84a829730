// What gathers during a turn of the loop, to be sent at its end.
#pragma once

namespace flaskscale::forward {

class Flushed {
 public:
  // At the end of the turn, after WorkerServices::flush_later().
  virtual void flush() = 0;

 protected:
  ~Flushed() = default;
};

}  // namespace flaskscale::forward
