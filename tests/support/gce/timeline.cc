#include "tests/support/gce/timeline.h"

#include <algorithm>
#include <utility>

namespace flaskscale::emulator {

void Timeline::after(double delay, std::function<void()> event) {
  events_.emplace(now_ + std::max(0.0, delay), std::move(event));
}

void Timeline::advance(double to) {
  while (!events_.empty() && events_.begin()->first <= to) {
    now_ = std::max(now_, events_.begin()->first);
    const std::function<void()> event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    event();
  }
  now_ = std::max(now_, to);
}

std::optional<double> Timeline::next() const {
  if (events_.empty()) return std::nullopt;
  return events_.begin()->first;
}

}  // namespace flaskscale::emulator
