// What is to happen in the emulated cloud, in order of time.
#pragma once

#include <functional>
#include <map>
#include <optional>

namespace flaskscale::emulator {

// Times are simulated seconds since the emulator's start. One thread.
class Timeline {
 public:
  double now() const { return now_; }
  // Events of the same time run in the order in which they were entered. A delay below 0 is 0.
  void after(double delay, std::function<void()> event);
  // Runs what is due on the way, also what that enters. Does not go back.
  void advance(double to);
  std::optional<double> next() const;

 private:
  double now_ = 0;
  std::multimap<double, std::function<void()>> events_;
};

}  // namespace flaskscale::emulator
