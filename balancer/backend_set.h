// The backends of a pool that may be picked, at one moment; immutable, shared by the workers'
// views.
#pragma once

#include <cstdint>
#include <vector>

#include "balancer/load_block.h"
#include "balancer/settings.h"

namespace flaskscale::balancer {

class BackendSet {
 public:
  struct Member {
    CellRef cell;
    uint32_t weight = 1;
  };

  explicit BackendSet(Policy policy) : policy_(policy) {}
  BackendSet(Policy policy, const std::vector<Member>& members);

  Policy policy() const { return policy_; }
  // Those with at least one backend that may be picked.
  const std::vector<LoadBlock*>& blocks() const { return blocks_; }
  // For each backend, which of blocks() it is in.
  const std::vector<uint32_t>& block_of_each() const { return block_of_each_; }
  // The key of an idle backend of the greatest weight: none is lower.
  LoadKey idle_key() const { return idle_key_; }
  // Each backend as often as its weight asks, evenly mixed: a turn of weighted round robin, and
  // what weighted random draws draw from. Empty for policies that need neither.
  const std::vector<CellRef>& turn() const { return turn_; }

 private:
  Policy policy_;
  LoadKey idle_key_ = 0;
  std::vector<LoadBlock*> blocks_;
  std::vector<uint32_t> block_of_each_;
  std::vector<CellRef> turn_;
};

}  // namespace flaskscale::balancer
