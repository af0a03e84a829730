// What a simulation looked like over time, in as many points as a screen shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flaskscale::simulator {

class Timeline {
 public:
  // A second as it was at its end; counts are those of this second.
  struct Second {
    double requests = 0;
    double load = 0;    // busy slots that the arrivals ask for
    double slots = 0;   // that could be taken
    double wanted = 0;  // instances
    double ready = 0;
    double booting = 0;
    double ending = 0;  // draining, or being deleted
    double late = 0;
    double dropped = 0;
    double queued = 0;
    double oldest_wait = 0;  // seconds
  };
  struct Point {
    double from = 0;  // seconds from the start
    double length = 0;
    Second mean;  // late, dropped, requests: sums
    double load_peak = 0;
    double wanted_peak = 0;
    double wait_peak = 0;
    double short_peak = 0;  // the most that the load exceeded the slots by, at one time
  };

  Timeline() = default;
  // Whole seconds per point, so that there are at most `points`.
  Timeline(double seconds, size_t points);

  bool is_kept() const { return seconds_per_point_ > 0; }
  void add(const Second& second);
  // The last one may be shorter.
  std::vector<Point> points() const;

 private:
  uint64_t seconds_per_point_ = 0;
  uint64_t seconds_ = 0;
  std::vector<Point> points_;  // means are sums until they are read
};

}  // namespace flaskscale::simulator
