#include "proxy/forward/turn_ration.h"

#include <algorithm>

namespace flaskscale::forward {

bool TurnRation::take(Rationed& asking) {
  if (waiting_.empty() && taken_ < steps_in_turn_) {
    ++taken_;
    return true;
  }
  wait(asking);
  return false;
}

void TurnRation::forget(Rationed& asking) {
  std::replace(waiting_.begin(), waiting_.end(), &asking, static_cast<Rationed*>(nullptr));
}

bool TurnRation::serve() {
  const bool served = !waiting_.empty();
  // Who waits again meanwhile waits for another turn.
  for (size_t left = waiting_.size(); left > 0 && taken_ < steps_in_turn_; --left) {
    Rationed* const next = waiting_.front();
    waiting_.pop_front();
    if (next == nullptr) continue;
    ++taken_;
    next->on_turn();
  }
  taken_ = 0;
  return served;
}

}  // namespace flaskscale::forward
