#include "balancer/load_block.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace flaskscale::balancer {
namespace {

uint64_t next_version(LoadBlock::Bound seen) { return ((seen.word >> 32U) + 1) << 32U; }

}  // namespace

LoadKey LoadBlock::key_of(uint32_t in_flight, uint32_t weight) {
  return std::bit_cast<LoadKey>((static_cast<float>(in_flight) + 1.0F) /
                                static_cast<float>(weight));
}

LoadKey LoadBlock::key_at(uint32_t cell, uint64_t word) const {
  const uint32_t in_flight = in_flight_of(word);
  if (in_flight >= limit_of(word)) return kNoFreeSlot;
  const uint32_t common_weight = common_weight_.load(std::memory_order_relaxed);
  if (common_weight != 0) return key_of(in_flight, common_weight);
  return key_of(in_flight, weights_[cell].load(std::memory_order_relaxed));
}

LoadBlock::Scan LoadBlock::scan_except(uint64_t backend_id) const {
  const uint32_t cells = used_.load(std::memory_order_acquire);
  const uint32_t common_weight = common_weight_.load(std::memory_order_relaxed);
  if (backend_id == 0 && common_weight != 0) return scan_uniform(cells, common_weight);
  Scan result;
  for (uint32_t cell = 0; cell < cells; ++cell) {
    if (backend_id != 0 && ids_[cell].load(std::memory_order_relaxed) == backend_id) continue;
    const LoadKey key = key_at(cell, words_[cell].load(std::memory_order_seq_cst));
    if (key == kNoFreeSlot) continue;
    if (key < result.least) {
      result.runner_up = result.least;
      result.least = key;
      result.mask = 1U << cell;
    } else if (key == result.least) {
      result.mask |= 1U << cell;
    } else if (key < result.runner_up) {
      result.runner_up = key;
    }
  }
  return result;
}

// With equal weights the counts compare as they are. Written without branches: under load the
// counts are as good as random.
LoadBlock::Scan LoadBlock::scan_uniform(uint32_t cells, uint32_t weight) const {
  constexpr uint32_t kNone = 0xffffffffU;  // never below a limit, so never a free cell's count
  uint32_t least = kNone;
  uint32_t runner_up = kNone;
  uint32_t mask = 0;
  for (uint32_t cell = 0; cell < cells; ++cell) {
    const uint64_t word = words_[cell].load(std::memory_order_seq_cst);
    const uint32_t count = in_flight_of(word) < limit_of(word) ? in_flight_of(word) : kNone;
    const uint32_t bit = 1U << cell;
    const bool below = count < least;
    const bool equal = count == least;
    const uint32_t above = count < runner_up ? count : runner_up;
    const uint32_t kept = equal ? runner_up : above;
    runner_up = below ? least : kept;
    const uint32_t joined = equal ? mask | bit : mask;
    mask = below ? bit : joined;
    least = below ? count : least;
  }
  if (least == kNone) return {};
  return {key_of(least, weight), runner_up == kNone ? kNoFreeSlot : key_of(runner_up, weight),
          mask};
}

bool LoadBlock::try_take(uint32_t cell) {
  uint64_t word = words_[cell].load(std::memory_order_relaxed);
  while (in_flight_of(word) < limit_of(word)) {
    if (words_[cell].compare_exchange_weak(word, word + 1, std::memory_order_seq_cst)) return true;
  }
  return false;
}

bool LoadBlock::try_take_at(uint32_t cell, LoadKey expected, LoadKey& key_after) {
  uint64_t word = words_[cell].load(std::memory_order_relaxed);
  if (key_at(cell, word) != expected) return false;
  if (!words_[cell].compare_exchange_strong(word, word + 1, std::memory_order_seq_cst))
    return false;
  key_after = key_at(cell, word + 1);
  return true;
}

void LoadBlock::release(uint32_t cell) {
  const uint64_t before = words_[cell].fetch_sub(1, std::memory_order_seq_cst);
  FS_CHECK(in_flight_of(before) > 0);
  note_less_loaded(key_at(cell, before - 1));
}

uint32_t LoadBlock::set_limit(uint32_t cell, uint32_t limit) {
  uint64_t word = words_[cell].load(std::memory_order_relaxed);
  uint64_t changed = 0;
  do {
    changed = (static_cast<uint64_t>(limit) << 32U) | in_flight_of(word);
  } while (!words_[cell].compare_exchange_weak(word, changed, std::memory_order_seq_cst));
  note_less_loaded(key_at(cell, changed));
  return in_flight_of(changed);
}

void LoadBlock::note_less_loaded(LoadKey key) {
  // Read after the cell was changed: who finds the bound not kept was here before anybody could
  // raise it.
  if (!bound_kept_.load(std::memory_order_seq_cst)) return;
  Bound seen = lower_bound();
  uint64_t changed = 0;
  do {
    changed = next_version(seen) | std::min(key, seen.key());
  } while (!lower_bound_.compare_exchange_weak(seen.word, changed, std::memory_order_seq_cst));
}

void LoadBlock::raise_lower_bound(Bound seen, LoadKey key) {
  if (key <= seen.key()) return;
  lower_bound_.compare_exchange_strong(seen.word, next_version(seen) | key,
                                       std::memory_order_seq_cst);
}

uint32_t LoadBlock::find_vacant() const {
  uint32_t cell = 0;
  while (cell < kCells && owner(cell) != nullptr) ++cell;
  return cell;
}

void LoadBlock::occupy(uint32_t cell, Backend* owner, uint64_t id, uint32_t weight) {
  FS_CHECK(words_[cell].load(std::memory_order_seq_cst) == 0 && weight > 0);
  ids_[cell].store(id, std::memory_order_relaxed);
  weights_[cell].store(weight, std::memory_order_relaxed);
  // Release: pairs with the acquire in owner(); a taker has seen the limit that is set after this.
  owners_[cell].store(owner, std::memory_order_release);
  update_common_weight();
  if (cell >= used_.load(std::memory_order_relaxed))
    used_.store(cell + 1, std::memory_order_release);
}

void LoadBlock::vacate(uint32_t cell) {
  FS_CHECK(words_[cell].load(std::memory_order_seq_cst) == 0);
  ids_[cell].store(0, std::memory_order_relaxed);
  owners_[cell].store(nullptr, std::memory_order_release);
  update_common_weight();
}

void LoadBlock::update_common_weight() {
  uint32_t common = 0;
  for (uint32_t cell = 0; cell < kCells; ++cell) {
    if (owner(cell) == nullptr) continue;
    const uint32_t weight = weights_[cell].load(std::memory_order_relaxed);
    if (common != 0 && weight != common) {
      common_weight_.store(0, std::memory_order_relaxed);
      return;
    }
    common = weight;
  }
  common_weight_.store(common == 0 ? 1 : common, std::memory_order_relaxed);
}

}  // namespace flaskscale::balancer
