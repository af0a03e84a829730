// Boot times of one pool, of all instances and of each kind (a version in a zone).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "scaler/boot_times.h"

namespace flaskscale::scaler {

// One boot that was measured. Boots of the same kind take alike.
struct Booted {
  double seconds = 0;  // create call to first good health check
  std::string kind;
};

// A kind of which little is known is judged by the whole pool, and the pool by the prior. The
// kinds are bounded: of more than 32 the longest unseen is forgotten.
class BootBook {
 public:
  void add(const Booted& boot);

  double q90(double prior) const { return pool_.q90(prior); }
  double median(double prior) const { return pool_.median(prior); }
  double q90(std::string_view kind, double prior) const;
  double median(std::string_view kind, double prior) const;
  size_t known() const { return pool_.known(); }

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("pool", pool_);
    visitor.field("kinds", kinds_);
  }
  bool settle() { return kinds_.size() <= kMostKinds; }

 private:
  struct Kind {
    std::string name;
    BootTimes times;
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("name", name);
      visitor.field("times", times);
    }
    bool settle() { return true; }
  };
  const BootTimes* find(std::string_view kind) const;

  static constexpr size_t kMostKinds = 32;
  BootTimes pool_;
  std::vector<Kind> kinds_;  // the longest unseen first
};

}  // namespace flaskscale::scaler
