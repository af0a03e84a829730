#include "balancer/picker.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace flaskscale::balancer {
namespace {

// A place of the turn is tried this often before the pick falls back to the least loaded backend,
// which finds a last free slot, or that there is none, at a fixed cost.
constexpr uint32_t kTurnTries = 64;
constexpr uint32_t kDraws = 4;

uint32_t count_bits(uint32_t mask) {
  mask -= (mask >> 1U) & 0x55555555U;
  mask = (mask & 0x33333333U) + ((mask >> 2U) & 0x33333333U);
  return (((mask + (mask >> 4U)) & 0x0f0f0f0fU) * 0x01010101U) >> 24U;
}

uint32_t random_bit(uint32_t mask, Random& random) {
  if ((mask & (mask - 1)) == 0) return static_cast<uint32_t>(std::countr_zero(mask));
  for (uint32_t skipped = random.below(count_bits(mask)); skipped > 0; --skipped) mask &= mask - 1;
  return static_cast<uint32_t>(std::countr_zero(mask));
}

bool is_single_bit(uint32_t mask) { return (mask & (mask - 1)) == 0; }

struct Choice {
  LoadBlock* block = nullptr;
  LoadBlock::Bound bound;
};

// The block with the lowest bound; among equals the first from that of a random backend on, so that
// in an idle pool every backend is as likely. A bound that could not be lower ends the search.
Choice choose_block(const BackendSet& set, Random& random) {
  const std::vector<LoadBlock*>& blocks = set.blocks();
  if (blocks.empty()) return {};
  const auto backends = static_cast<uint32_t>(set.block_of_each().size());
  const size_t start = set.block_of_each()[random.below(backends)];
  Choice choice;
  LoadKey least = kNoFreeSlot;
  size_t i = start;
  do {
    const LoadBlock::Bound bound = blocks[i]->lower_bound();
    if (bound.key() < least) {
      least = bound.key();
      choice = {blocks[i], bound};
      if (least <= set.idle_key()) return choice;
    }
    if (++i == blocks.size()) i = 0;
  } while (i != start);
  return choice;
}

CellRef take_least_of_many(const BackendSet& set, Random& random) {
  for (;;) {
    const Choice choice = choose_block(set, random);
    if (choice.block == nullptr) return {};
    LoadBlock& block = *choice.block;
    const LoadBlock::Scan scan = block.scan();
    if (scan.least > choice.bound.key()) {
      block.raise_lower_bound(choice.bound, scan.least);
      continue;
    }
    const uint32_t cell = random_bit(scan.mask, random);
    LoadKey key_after = kNoFreeSlot;
    if (!block.try_take_at(cell, scan.least, key_after)) continue;
    if (is_single_bit(scan.mask)) {
      block.raise_lower_bound(choice.bound, std::min(scan.runner_up, key_after));
    }
    return {&block, cell};
  }
}

CellRef take_least(const BackendSet& set, Random& random) {
  if (set.blocks().size() != 1) return take_least_of_many(set, random);
  LoadBlock& block = *set.blocks().front();
  for (;;) {
    const LoadBlock::Scan scan = block.scan();
    if (scan.mask == 0) return {};
    const uint32_t cell = random_bit(scan.mask, random);
    LoadKey key_after = kNoFreeSlot;
    if (block.try_take_at(cell, scan.least, key_after)) return {&block, cell};
  }
}

CellRef take_least_except(const BackendSet& set, Random& random, uint64_t backend_id) {
  for (;;) {
    LoadBlock::Scan best;
    LoadBlock* chosen = nullptr;
    uint32_t equals = 0;
    for (LoadBlock* candidate : set.blocks()) {
      const LoadBlock::Scan scan = candidate->scan_except(backend_id);
      if (scan.mask == 0 || scan.least > best.least) continue;
      const uint32_t count = count_bits(scan.mask);
      equals = scan.least < best.least ? count : equals + count;
      if (scan.least == best.least && random.below(equals) >= count) continue;
      best = scan;
      chosen = candidate;
    }
    if (chosen == nullptr) return {};
    const uint32_t cell = random_bit(best.mask, random);
    LoadKey key_after = kNoFreeSlot;
    if (chosen->try_take_at(cell, best.least, key_after)) return {chosen, cell};
  }
}

CellRef take_in_turn(const BackendSet& set, PickerState& state) {
  const auto length = static_cast<uint32_t>(set.turn().size());
  for (uint32_t tries = std::min(length, kTurnTries); tries > 0; --tries) {
    ++state.cursor;
    if (state.cursor >= length) state.cursor %= length;  // also after the set became smaller
    const CellRef cell = set.turn()[state.cursor];
    if (cell.block->try_take(cell.cell)) return cell;
  }
  return {};
}

CellRef take_better_of_two(const BackendSet& set, PickerState& state) {
  const auto length = static_cast<uint32_t>(set.turn().size());
  if (length == 0) return {};
  for (uint32_t draw = 0; draw < kDraws; ++draw) {
    const CellRef one = set.turn()[state.random.below(length)];
    const CellRef other = set.turn()[state.random.below(length)];
    const bool other_is_better = other.block->key(other.cell) < one.block->key(one.cell);
    const CellRef better = other_is_better ? other : one;
    if (better.block->try_take(better.cell)) return better;
  }
  return {};
}

// Bounded load: a key that everybody asks for does not drown its backend. Of the ring's points only
// so many are looked at that the cost stays that of a scan.
CellRef take_by_hash(const BackendSet& set, const Wish& wish) {
  constexpr size_t kPoints = 256;
  const auto& ring = set.ring();
  if (!wish.hash || ring.empty()) return {};
  const double share =
      kHashLoadBound * static_cast<double>(wish.in_flight + 1) / set.total_weight();
  size_t at = set.ring_place(*wish.hash);
  for (size_t tries = std::min(ring.size(), kPoints); tries > 0; --tries) {
    const BackendSet::Member& member = set.members()[ring[at].member];
    const double bound = std::ceil(share * member.weight);
    const CellRef cell = member.cell;
    if (cell.block->in_flight(cell.cell) < bound && cell.block->try_take(cell.cell)) return cell;
    if (++at == ring.size()) at = 0;
  }
  return {};
}

CellRef take_by_policy(const BackendSet& set, PickerState& state, const Wish& wish) {
  switch (set.policy()) {
    case Policy::least_connections:
      return {};
    case Policy::round_robin:
      return take_in_turn(set, state);
    case Policy::random_two:
      return take_better_of_two(set, state);
    case Policy::consistent_hash:
      return take_by_hash(set, wish);
  }
  return {};
}

}  // namespace

CellRef take_slot(const BackendSet& set, PickerState& state, const Wish& wish) {
  if (wish.avoid_backend != 0) {
    if (const CellRef cell = take_least_except(set, state.random, wish.avoid_backend)) return cell;
    return take_least(set, state.random);
  }
  if (wish.sticky) {
    const CellRef cell = set.find_sticky(*wish.sticky);
    if (cell && cell.block->try_take(cell.cell)) return cell;
  }
  if (const CellRef cell = take_by_policy(set, state, wish)) return cell;
  return take_least(set, state.random);
}

}  // namespace flaskscale::balancer
