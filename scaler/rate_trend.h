// Whether the arrival rate is rising, and how surely.
#pragma once

#include <deque>

#include "base/time.h"

namespace flaskscale::scaler {

// Buckets of five seconds or more, ten minutes back.
class RateTrend {
 public:
  // `arrivals` in the `seconds` that end `now`. True when a bucket was completed.
  bool add(double arrivals, double seconds, Time now);
  void clear();

  // The slope of a straight line through the buckets of the last `span_seconds`, less its standard
  // error; arrivals per second, per second; 0 when it is not surely positive or too little is
  // known. A Poisson process doesn't get surer than its own noise.
  double sure_slope(double span_seconds) const;

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("buckets", buckets_);
    visitor.field("arrivals", arrivals_);
    visitor.field("seconds", seconds_);
  }
  bool settle() const { return buckets_.size() <= kMost; }

 private:
  struct Bucket {
    Time middle{};
    double rate = 0;
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("at", middle);
      visitor.field("rate", rate);
    }
    bool settle() const { return true; }
  };

  static constexpr size_t kMost = 120;
  std::deque<Bucket> buckets_;
  double arrivals_ = 0;  // of the bucket under way
  double seconds_ = 0;
};

}  // namespace flaskscale::scaler
