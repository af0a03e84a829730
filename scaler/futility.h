// The brake on growth that does not help: more instances, no more answers.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace flaskscale::scaler {

struct FutilityInputs {
  uint32_t ready = 0;
  uint32_t planned = 0;
  double queued = 0;
  double completion_rate = 0;    // per second, over the last half minute
  double mean_holding_time = 0;  // seconds, of the same
};

// Growth is futile when, compared with some time of the last ten minutes, 30 % more instances
// answer less than 5 % more requests per second, each of which takes 30 % longer, and requests
// waited for the half minute before then and before now, so that both are measures of capacity.
// What lies behind the instances (a database, say) is the bottleneck then, and more of them would
// only press harder on it. The brake lets go when nobody waits any more, or more is answered.
class FutilityBrake {
 public:
  // Once per step, before most().
  void update(const FutilityInputs& inputs, Time now);

  // While braking: how many instances there may be, which is those that there were, and one more
  // each five minutes as a probe. None: not braking.
  std::optional<uint32_t> most() const { return most_; }
  // Front doors were not heard, or time jumped.
  void interrupt();

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("sights", sights_);
    visitor.field("waiting_since", waiting_since_);
    visitor.field("waited_at", waited_at_);
    visitor.field("most", most_);
    visitor.field("probe_at", probe_at_);
    visitor.field("answered", answered_);
  }
  bool settle() const { return sights_.size() <= kMostSights; }

 private:
  struct Sight {
    Time at{};
    uint32_t ready = 0;
    double completion_rate = 0;
    double mean_holding_time = 0;
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("at", at);
      visitor.field("ready", ready);
      visitor.field("rate", completion_rate);
      visitor.field("holding", mean_holding_time);
    }
    bool settle() const { return true; }
  };
  void look(const FutilityInputs& inputs, Time now);

  static constexpr size_t kMostSights = 64;
  std::deque<Sight> sights_;           // every ten seconds while requests wait, ten minutes back
  std::optional<Time> waiting_since_;  // with breaks of at most ten seconds
  Time waited_at_{};                   // last
  std::optional<uint32_t> most_;
  Time probe_at_{};      // while braking
  double answered_ = 0;  // per second, when braking began or was last probed
};

}  // namespace flaskscale::scaler
