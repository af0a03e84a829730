// Picks a backend by the pool's policy and takes one of its slots.
#pragma once

#include <cstdint>

#include "balancer/backend_set.h"
#include "balancer/load_block.h"
#include "base/random.h"

namespace flaskscale::balancer {

// The state of one who picks: one thread, or the pool's mutex.
struct PickerState {
  Random random;
  uint32_t cursor = 0;  // place in the set's turn
};

// What a pick leaves out if any other backend has a free slot.
struct Avoid {
  uint64_t backend_id = 0;  // 0: none
};

// Lock-free. Costs a scan of one block and of one number per block, whatever the load (with
// `avoid`: of all blocks). With least_connections the slot is that of a least loaded backend
// exactly, as long as nobody else changes counts at the same time; else it was one at the moment it
// was seen. None: every slot that was free when the call began, its release having returned, has
// been taken since by somebody else.
CellRef take_slot(const BackendSet& set, PickerState& state, Avoid avoid);

}  // namespace flaskscale::balancer
