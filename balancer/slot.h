// The right to have one more request in flight at a backend. Destroying it frees the slot.
#pragma once

#include <cstdint>
#include <utility>

#include "base/time.h"

namespace flaskscale::balancer {

class Backend;
class Pool;

// Move-only. May be destroyed on any thread; the pool outlives every slot.
class Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), backend_(other.backend_), taken_(other.taken_), worker_(other.worker_) {}
  Slot& operator=(Slot&& other) noexcept;
  ~Slot();

  explicit operator bool() const { return pool_ != nullptr; }

  // The slot must be held.
  Backend& backend() const { return *backend_; }
  Time taken_at() const { return taken_; }

  // Frees the slot now and counts its holding time in the load meter: the request ended at `now`.
  // The destructor frees without a holding time (the request was never really served).
  void finish(Time now);

 private:
  friend class Pool;
  Slot(Pool& pool, Backend& backend, Time taken, uint16_t worker)
      : pool_(&pool), backend_(&backend), taken_(taken), worker_(worker) {}

  Pool* pool_ = nullptr;
  Backend* backend_ = nullptr;
  Time taken_{};
  uint16_t worker_ = 0;
};

}  // namespace flaskscale::balancer
