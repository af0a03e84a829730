// The mean of the readings of the last while.
#pragma once

#include <deque>
#include <utility>

namespace flaskscale::simulator {

class RecentMean {
 public:
  explicit RecentMean(double window) : window_(window) {}  // seconds

  // `now` grows.
  void add(double now, double value) {
    values_.emplace_back(now, value);
    sum_ += value;
    while (values_.front().first <= now - window_) {
      sum_ -= values_.front().second;
      values_.pop_front();
    }
  }
  // 0 without readings.
  double mean() const {
    return values_.empty() || sum_ < 1e-9 ? 0 : sum_ / static_cast<double>(values_.size());
  }

 private:
  double window_;
  double sum_ = 0;
  std::deque<std::pair<double, double>> values_;
};

}  // namespace flaskscale::simulator
