#include "balancer/slot.h"

#include "balancer/pool.h"

namespace flaskscale::balancer {

Slot& Slot::operator=(Slot&& other) noexcept {
  if (this == &other) return *this;
  Slot freed(std::move(*this));
  pool_ = std::exchange(other.pool_, nullptr);
  cell_ = other.cell_;
  taken_ = other.taken_;
  worker_ = other.worker_;
  return *this;
}

Slot::~Slot() {
  if (pool_ != nullptr) std::exchange(pool_, nullptr)->release_unserved(cell_, taken_, worker_);
}

void Slot::finish(Time now) {
  if (pool_ != nullptr) std::exchange(pool_, nullptr)->release_served(cell_, taken_, worker_, now);
}

}  // namespace flaskscale::balancer
