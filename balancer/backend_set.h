// The backends of a pool that may be picked, at one moment; immutable, shared by the workers'
// views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "balancer/load_block.h"
#include "balancer/settings.h"

namespace flaskscale::balancer {

class BackendSet {
 public:
  struct Member {
    CellRef cell;
    uint32_t weight = 1;
    uint64_t ring_name = 0;    // of its address, the same everywhere
    uint64_t sticky_name = 0;  // of its address under the pool's key; 0: no sticky sessions
  };
  // A point of the ring: from the one before it up to here, keys belong to that member.
  struct Point {
    uint64_t at = 0;
    uint32_t member = 0;
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

  // With consistent_hash, else empty. A backend has as many points as its weight asks; when one
  // comes or goes, only the keys of its points move.
  const std::vector<Member>& members() const { return members_; }
  const std::vector<Point>& ring() const { return ring_; }
  double total_weight() const { return total_weight_; }
  // The index of the point that a key belongs to. The ring is not empty.
  size_t ring_place(uint64_t hash) const;

  // None if no backend that may be picked has this name.
  CellRef find_sticky(uint64_t name) const;

 private:
  void make_ring(const std::vector<Member>& members);

  Policy policy_;
  LoadKey idle_key_ = 0;
  std::vector<LoadBlock*> blocks_;
  std::vector<uint32_t> block_of_each_;
  std::vector<CellRef> turn_;
  std::vector<Member> members_;
  std::vector<Point> ring_;
  double total_weight_ = 1;
  std::vector<std::pair<uint64_t, CellRef>> sticky_;  // by name
};

}  // namespace flaskscale::balancer
