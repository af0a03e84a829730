#include "simulator/load_curve.h"

#include <algorithm>
#include <utility>

namespace flaskscale::simulator {

LoadCurve::LoadCurve(std::vector<Point> points) : points_(std::move(points)) {}

LoadCurve LoadCurve::scaled(double factor) const {
  std::vector<Point> points = points_;
  for (Point& point : points) point.rate *= factor;
  return LoadCurve(std::move(points));
}

double LoadCurve::peak() const {
  double peak = 0;
  for (const Point& point : points_) peak = std::max(peak, point.rate);
  return peak;
}

double LoadCurve::requests() const {
  double sum = 0;
  for (size_t i = 1; i < points_.size(); ++i) {
    sum += (points_[i].at - points_[i - 1].at) * (points_[i].rate + points_[i - 1].rate) / 2;
  }
  return sum;
}

// Between point piece - 1 and point piece; flat before the first and after the last.
double LoadCurveReader::rate_within(size_t piece, double at) const {
  if (points_.empty()) return 0;
  if (piece == 0) return points_.front().rate;
  if (piece >= points_.size()) return points_.back().rate;
  const LoadCurve::Point& a = points_[piece - 1];
  const LoadCurve::Point& b = points_[piece];
  if (b.at <= a.at) return b.rate;
  const double share = std::clamp((at - a.at) / (b.at - a.at), 0.0, 1.0);
  return a.rate + (b.rate - a.rate) * share;
}

LoadCurveReader::Span LoadCurveReader::span(double from, double to) {
  while (next_ < points_.size() && points_[next_].at <= from) ++next_;
  Span result;
  double requests = 0;
  double begin = from;
  for (size_t piece = next_; begin < to; ++piece) {
    const double end = piece < points_.size() ? std::min(points_[piece].at, to) : to;
    const double first = rate_within(piece, begin);
    const double last = rate_within(piece, end);
    requests += (end - begin) * (first + last) / 2;
    if (end > begin) result.peak = std::max({result.peak, first, last});
    begin = end;
  }
  result.mean = requests / (to - from);
  return result;
}

}  // namespace flaskscale::simulator
