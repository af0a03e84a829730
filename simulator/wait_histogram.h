// How long requests waited: counts in steps of 6 % from a millisecond to an hour.
#pragma once

#include <array>
#include <cstddef>

namespace flaskscale::simulator {

// Counts may be fractions: expected numbers of requests.
class WaitHistogram {
 public:
  void add(double seconds, double requests);
  // `requests`, of which the share `waiting` waits exponentially long with this mean.
  void add_exponential(double requests, double waiting, double mean_seconds);

  double total() const { return total_; }
  // The wait that a share q of the requests does not exceed; 0 below a millisecond.
  double quantile(double q) const;

 private:
  static constexpr size_t kSteps = 260;
  static double upper(size_t step);

  double total_ = 0;
  double at_once_ = 0;  // below a millisecond
  std::array<double, kSteps> steps_{};
};

}  // namespace flaskscale::simulator
