// Where instances can be had now: zones in order of preference, and which of them refuse.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "scaler/provider.h"

namespace flaskscale::scaler {

// Per zone. Out of capacity: 30 s, doubling to 10 min, +-20 %, not doubled by failures of what was
// asked for before the last one; forgotten with the first success. Quota and configuration: one
// try every 5 min. Other failures are no matter of a zone, see BootBackoff.
class Supply {
 public:
  explicit Supply(Random& random) : random_(random) {}  // borrowed

  // The zones there are, best first; what is known of those that stay is kept.
  void use(const std::vector<std::string>& zones);

  struct Offer {
    std::string zone;
    uint32_t count = 0;
  };
  // Where up to `count` may be asked for now; less in sum where zones refuse.
  std::vector<Offer> offers(uint32_t count, Time now) const;
  bool is_open(std::string_view zone, Time now) const;

  void on_asked(std::string_view zone, Time now);
  // `asked_at`: when that instance was asked for.
  void on_failure(std::string_view zone, Obstacle obstacle, Time asked_at, Time now);
  // It exists and runs.
  void on_success(std::string_view zone, Time asked_at);

  // Forgets all failures: an operator may have mended what was wrong.
  void try_now();

  // Why nothing can be had anywhere: none, capacity, quota, configuration. Lasts until a success,
  // or until the back-off has ended and nobody has tried for a while.
  Obstacle shortage(Time now) const;

 private:
  static constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();
  struct Zone {
    std::string name;
    Obstacle obstacle = Obstacle::none;
    uint32_t failures = 0;
    Time last_failure{};
    Time wait_until{};
    std::optional<Time> tried_at;  // since the last failure
  };
  Zone* find(std::string_view name);
  static uint32_t allowance(const Zone& zone, Time now);
  static bool is_short(const Zone& zone, Time now);

  Random& random_;
  std::vector<Zone> zones_;
};

}  // namespace flaskscale::scaler
