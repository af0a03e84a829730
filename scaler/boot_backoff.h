// When instances may be created again after boots that failed.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "base/random.h"
#include "base/time.h"

namespace flaskscale::scaler {

// 1 s, doubling to 60 s, +-20 %. Boots that were under way together count as one failure. From the
// third failure in a row on, only one instance is tried per interval.
class BootBackoff {
 public:
  explicit BootBackoff(Random& random) : random_(random) {}  // borrowed

  void on_failure(Time created_at, Time now);
  // An instance created after the last failure answered: there is nothing to wait for, but the row
  // is not forgotten yet.
  void on_admitted(Time created_at);
  // An instance created after the last failure has served for a while.
  void on_proven(Time created_at);
  // An operator may have mended what was wrong.
  void try_now();

  static constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();
  // How many may be created now.
  uint32_t allowance(Time now) const;
  void on_created(Time now);
  uint32_t failures_in_a_row() const { return failures_; }

 private:
  Duration delay();

  Random& random_;
  uint32_t failures_ = 0;
  std::optional<Time> last_failure_;
  std::optional<Time> wait_until_;
};

}  // namespace flaskscale::scaler
