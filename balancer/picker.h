// Picks a backend by the pool's policy and takes one of its slots.
#pragma once

#include <cstdint>
#include <optional>

#include "balancer/backend_set.h"
#include "balancer/load_block.h"
#include "base/random.h"

namespace flaskscale::balancer {

// The state of one who picks: one thread, or the pool's mutex.
struct PickerState {
  Random random;
  uint32_t cursor = 0;  // place in the set's turn
};

// What a pick prefers. A free slot anywhere is better than none.
struct Wish {
  uint64_t avoid_backend = 0;      // left out if any other backend has a free slot; 0: none
  std::optional<uint64_t> sticky;  // this backend first
  std::optional<uint64_t> hash;    // with consistent_hash: the place on the ring
  uint64_t in_flight = 0;          // with it: of the whole pool, about
};

// With consistent_hash no backend takes more than this times its share of what is in flight; who
// comes beyond it goes to the next on the ring.
inline constexpr double kHashLoadBound = 1.25;

// Lock-free. Costs a scan of one block and of one number per block, whatever the load (with
// `avoid_backend`: of all blocks). With least_connections the slot is that of a least loaded
// backend exactly, as long as nobody else changes counts at the same time; else it was one at the
// moment it was seen. None: every slot that was free when the call began, its release having
// returned, has been taken since by somebody else.
CellRef take_slot(const BackendSet& set, PickerState& state, const Wish& wish);

}  // namespace flaskscale::balancer
