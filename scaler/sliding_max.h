// The largest of the values of the last while.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "base/time.h"

namespace flaskscale::scaler {

// Holds only values that no later one exceeds, and at most kMost of them: beyond, the oldest are
// merged into the largest of them, so that a very long window errs to the large side. A query may
// ask for any window up to the horizon.
class SlidingMax {
 public:
  explicit SlidingMax(Duration horizon) : horizon_(horizon) {}

  // `now` does not run backwards between calls, except after restart_at().
  void add(double value, Time now) {
    while (!values_.empty() && values_.back().second <= value) values_.pop_back();
    values_.emplace_back(now, value);
    while (now - values_.front().first > horizon_) values_.pop_front();
    if (values_.size() > kMost) {
      values_[1].second = values_[0].second;
      values_.pop_front();
    }
  }

  // Merges the older of more than `most` values into fewer, erring to the large side.
  void thin(size_t most) {
    while (values_.size() > most) {
      const size_t half = values_.size() / 2;
      std::deque<std::pair<Time, double>> thinned;
      for (size_t i = 0; i < values_.size(); ++i) {
        const bool is_merged = i < half && i % 2 == 1;
        if (is_merged) {
          thinned.back().first = values_[i].first;
        } else {
          thinned.push_back(values_[i]);
        }
      }
      values_.swap(thinned);
    }
  }

  // 0 when nothing was added within the window.
  double max(Duration window, Time now) const {
    const auto first = std::lower_bound(
        values_.begin(), values_.end(), now - window,
        [](const std::pair<Time, double>& entry, Time since) { return entry.first < since; });
    return first == values_.end() ? 0 : first->second;
  }

  // The clock jumped: what was held counts from `now` on.
  void restart_at(Time now) {
    if (values_.empty()) return;
    const double largest = values_.front().second;
    values_.assign(1, {now, largest});
  }

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("values", values_);
  }
  bool settle() const {
    return values_.size() <= kMost + 1 &&
           std::is_sorted(values_.begin(), values_.end(),
                          [](const auto& a, const auto& b) { return a.first < b.first; }) &&
           std::is_sorted(values_.begin(), values_.end(),
                          [](const auto& a, const auto& b) { return a.second > b.second; });
  }

 private:
  static constexpr size_t kMost = 8192;

  Duration horizon_;
  std::deque<std::pair<Time, double>> values_;
};

}  // namespace flaskscale::scaler
