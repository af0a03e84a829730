// How long boots take, from the create call to the first good health check.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace flaskscale::scaler {

// The last 32 boots; until 10 are known, three pseudo-samples of the prior count as well. Seconds.
class BootTimes {
 public:
  // What is no duration is ignored.
  void add(double seconds);

  // The 90 % quantile (nearest rank) within 5 … 600 s: what the law calls B.
  double q90(double prior) const;
  // The median, not below 0.1 s: what holding requests is sized by.
  double median(double prior) const;
  size_t known() const { return count_; }

  // For saving and restoring, see law_memory.h.
  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("ring", ring_);
    visitor.field("next", next_);
    visitor.field("count", count_);
  }
  // After a restore: the members fit each other. Brings what is derived up to date.
  bool settle() {
    if (next_ >= kRing || count_ > kRing) return false;
    sort();
    return true;
  }

 private:
  double quantile(double q, double prior) const;
  void sort();

  static constexpr size_t kRing = 32;
  std::array<double, kRing> ring_{};
  size_t next_ = 0;
  size_t count_ = 0;                    // up to kRing
  std::array<double, kRing> sorted_{};  // the first count_
};

}  // namespace flaskscale::scaler
