// The right to have one more request in flight at a backend. Destroying it frees the slot.
#pragma once

#include <cstdint>
#include <utility>

#include "balancer/load_block.h"
#include "base/time.h"

namespace flaskscale::balancer {

class Pool;

// Move-only. May be destroyed on any thread; the pool outlives every slot.
class Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        cell_(other.cell_),
        worker_(other.worker_),
        taken_(other.taken_) {}
  Slot& operator=(Slot&& other) noexcept;
  ~Slot();

  explicit operator bool() const { return pool_ != nullptr; }

  // The slot must be held.
  Backend& backend() const { return *cell_.block->owner(cell_.cell); }
  Time taken_at() const { return taken_; }

  // Frees the slot now and counts its holding time in the load meter: the request ended at `now`.
  // The destructor frees without a holding time (the request was never really served).
  void finish(Time now);

 private:
  friend class Pool;
  Slot(Pool& pool, CellRef cell, Time taken, uint16_t worker)
      : pool_(&pool), cell_(cell), worker_(worker), taken_(taken) {}

  Pool* pool_ = nullptr;
  CellRef cell_;  // what is in flight there keeps the cell with its backend
  uint16_t worker_ = 0;
  Time taken_{};
};

}  // namespace flaskscale::balancer
