// Arrivals per second over time: straight lines between points.
#pragma once

#include <cstddef>
#include <vector>

namespace flaskscale::simulator {

class LoadCurve {
 public:
  // `at`: seconds from the start, not falling; two points at the same time are a jump. `rate`:
  // requests/s, >= 0. Before the first and after the last point the rate is theirs.
  struct Point {
    double at = 0;
    double rate = 0;
  };

  LoadCurve() = default;
  explicit LoadCurve(std::vector<Point> points);

  LoadCurve scaled(double factor) const;
  const std::vector<Point>& points() const { return points_; }
  double end() const { return points_.empty() ? 0 : points_.back().at; }
  double peak() const;
  double requests() const;  // expected, over the whole curve

 private:
  std::vector<Point> points_;
};

// Reads a curve in the order of time. The curve outlives it.
class LoadCurveReader {
 public:
  explicit LoadCurveReader(const LoadCurve& curve) : points_(curve.points()) {}

  struct Span {
    double mean = 0;
    double peak = 0;
  };
  // Of [from, to); `from` < `to`, and `from` never falls between calls.
  Span span(double from, double to);

 private:
  double rate_within(size_t piece, double at) const;

  const std::vector<LoadCurve::Point>& points_;
  size_t next_ = 0;  // the first point after `from`
};

}  // namespace flaskscale::simulator
