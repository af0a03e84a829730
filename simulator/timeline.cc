#include "simulator/timeline.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::simulator {

Timeline::Timeline(double seconds, size_t points)
    : seconds_per_point_(points == 0
                             ? 0
                             : std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(
                                                         seconds / static_cast<double>(points))))) {
}

void Timeline::add(const Second& second) {
  if (!is_kept()) return;
  if (seconds_++ % seconds_per_point_ == 0) {
    Point point;
    point.from = static_cast<double>(seconds_ - 1);
    points_.push_back(point);
  }
  Point& point = points_.back();
  Second& sum = point.mean;
  point.length += 1;
  sum.requests += second.requests;
  sum.load += second.load;
  sum.slots += second.slots;
  sum.wanted += second.wanted;
  sum.ready += second.ready;
  sum.booting += second.booting;
  sum.ending += second.ending;
  sum.late += second.late;
  sum.dropped += second.dropped;
  sum.queued += second.queued;
  sum.oldest_wait += second.oldest_wait;
  point.load_peak = std::max(point.load_peak, second.load);
  point.short_peak = std::max(point.short_peak, second.load - second.slots);
  point.wanted_peak = std::max(point.wanted_peak, second.wanted);
  point.wait_peak = std::max(point.wait_peak, second.oldest_wait);
}

std::vector<Timeline::Point> Timeline::points() const {
  std::vector<Point> points = points_;
  for (Point& point : points) {
    for (double* sum :
         {&point.mean.load, &point.mean.slots, &point.mean.wanted, &point.mean.ready,
          &point.mean.booting, &point.mean.ending, &point.mean.queued, &point.mean.oldest_wait}) {
      *sum /= point.length;
    }
  }
  return points;
}

}  // namespace flaskscale::simulator
