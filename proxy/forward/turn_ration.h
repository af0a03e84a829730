// Spreads costly work of one kind over turns of the loop, so that a flood of it does not slow the
// connections that are there already.
#pragma once

#include <cstdint>
#include <deque>

namespace flaskscale::forward {

// Who waits for its turn.
class Rationed {
 public:
  virtual void on_turn() = 0;

 protected:
  ~Rationed() = default;
};

// Loop thread only.
class TurnRation {
 public:
  explicit TurnRation(uint32_t steps_in_turn) : steps_in_turn_(steps_in_turn) {}

  // True: take a step now. False: on_turn() follows as after wait().
  bool take(Rationed& asking);
  // Rationed::on_turn() follows at the end of this or a later turn, in the order of asking, and
  // takes one step.
  void wait(Rationed& asking) { waiting_.push_back(&asking); }
  // It waits no more.
  void forget(Rationed& asking);

  // When all else of a turn is done and sent: the steps that are left of it. False: nobody waited.
  bool serve();

 private:
  const uint32_t steps_in_turn_;
  std::deque<Rationed*> waiting_;  // null: forgotten
  uint32_t taken_ = 0;             // in this turn
};

}  // namespace flaskscale::forward
