// Which sizes the load needed lately, and how long each.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

// A size that was needed for a while is kept for a share of that while after it was last needed: a
// load that came for minutes is likely to come back within minutes, one that came for seconds is
// not worth a long wait, and what comes again and again adds up. Sizes are counts of instances of
// `slots_per_instance`.
class NeedMemory {
 public:
  struct Rule {
    double share = 0.5;  // of the time it was needed
    double least = 75;   // seconds
    double most = 300;   // seconds; also how long a pause is forgiven when times are added up
  };

  // From `now` on `size` is needed, until told otherwise. `now` does not run backwards between
  // calls, except after restart_at().
  void note(uint32_t size, double slots_per_instance, const Rule& rule, Time now);

  // The largest size that is needed or to be kept.
  uint32_t kept(const Rule& rule, Time now) const;

  // The clock jumped: all that was known counts as needed last at `now`.
  void restart_at(Time now);

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("levels", levels_);
    visitor.field("needed", needed_);
    visitor.field("noted_at", noted_at_);
    visitor.field("per_level", per_level_);
    visitor.field("slots", slots_per_instance_);
  }
  bool settle() const;

 private:
  struct Level {
    Time began{};        // of the present need, while it lasts
    Time last{};         // needed, unless it is now
    double seconds = 0;  // needed in all, up to `began`
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("b", began);
      visitor.field("l", last);
      visitor.field("s", seconds);
    }
    bool settle() const { return seconds >= 0; }
  };
  void convert(uint32_t per_level, double slots_per_instance);
  bool is_kept(const Level& level, const Rule& rule, Time now) const;

  static constexpr size_t kMostLevels = 2048;
  std::vector<Level> levels_;  // [i] is of i + 1 levels' worth of instances
  size_t needed_ = 0;          // levels that are needed now
  Time noted_at_{};
  uint32_t per_level_ = 1;  // instances: more than one in very large pools
  double slots_per_instance_ = 1;
};

}  // namespace flaskscale::scaler
