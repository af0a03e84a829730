// The in-flight counts and limits of up to 16 backends, packed so that a pick is a scan of a few
// cache lines.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace flaskscale::balancer {

class Backend;

// How loaded a backend is: the bits of the float (in_flight + 1) / weight, which order as integers
// do and are equal for equal quotients. kNoFreeSlot is above every other.
using LoadKey = uint32_t;
inline constexpr LoadKey kNoFreeSlot = 0x7f800000U;  // the bits of +infinity

// A cell is one 64-bit word: limit in the high half, in flight in the low half, so that a take is
// never counted against a limit that has just been lowered. Cells outlive the backends that use
// them: a cell gets a new owner only after the old one has neither a limit nor anything in flight.
//
// In pools of several blocks each block keeps a lower bound of the keys of its free cells, so that
// a pick reads one number a block and scans one block. The bound is one word with a version.
// Whoever makes a cell less loaded changes the cell first, then lowers the bound and changes its
// version in one exchange. Whoever raises the bound has read it, then scanned the cells, and
// exchanges it only if it is still what it was. So a bound is above a free cell's key only while
// the one who freed it is between these two steps, and a release that has returned is never hidden.
// A bound that is too low is harmless: the next pick scans the block, raises the bound and picks
// again.
//
// Any thread, except where a line says otherwise.
class LoadBlock {
 public:
  static constexpr uint32_t kCells = 16;

  struct Scan {
    LoadKey least = kNoFreeSlot;      // of the free cells
    LoadKey runner_up = kNoFreeSlot;  // the next key above `least`
    uint32_t mask = 0;                // the cells whose key is `least`; 0: none is free
  };

  static LoadKey key_of(uint32_t in_flight, uint32_t weight);

  LoadBlock() = default;
  LoadBlock(const LoadBlock&) = delete;
  LoadBlock& operator=(const LoadBlock&) = delete;

  Scan scan() const { return scan_except(0); }
  // Leaves out the backend of this id (0: none).
  Scan scan_except(uint64_t backend_id) const;
  bool has_free_cell() const { return scan().mask != 0; }

  // One more in flight, if below the limit.
  bool try_take(uint32_t cell);
  // As try_take, but only while the cell's key is still `expected`. `key_after`: what it is then.
  bool try_take_at(uint32_t cell, LoadKey expected, LoadKey& key_after);
  // One less in flight.
  void release(uint32_t cell);
  // Returns the in-flight count that is left under the new limit. After it no take against the old
  // limit succeeds.
  uint32_t set_limit(uint32_t cell, uint32_t limit);

  // A key that no free cell is below, and the version that says whether it still holds.
  struct Bound {
    uint64_t word = 0;
    LoadKey key() const { return static_cast<LoadKey>(word); }
  };
  Bound lower_bound() const { return {lower_bound_.load(std::memory_order_seq_cst)}; }
  // A scan begun after `seen` was read found no free cell below `key`.
  void raise_lower_bound(Bound seen, LoadKey key);
  // Under the pool's mutex, before the first pick that reads the bound. Without it bounds cost
  // nothing.
  void keep_lower_bound() { bound_kept_.store(true, std::memory_order_seq_cst); }

  uint32_t limit(uint32_t cell) const {
    return limit_of(words_[cell].load(std::memory_order_seq_cst));
  }
  uint32_t in_flight(uint32_t cell) const {
    return in_flight_of(words_[cell].load(std::memory_order_seq_cst));
  }
  bool is_free(uint32_t cell) const {
    const uint64_t word = words_[cell].load(std::memory_order_seq_cst);
    return in_flight_of(word) < limit_of(word);
  }

  LoadKey key(uint32_t cell) const {
    return key_at(cell, words_[cell].load(std::memory_order_seq_cst));
  }

  // Whose cell it is; null when vacant. Stable while the caller has something in flight there.
  Backend* owner(uint32_t cell) const { return owners_[cell].load(std::memory_order_acquire); }

  // The owner's id; 0 when vacant.
  uint64_t id(uint32_t cell) const { return ids_[cell].load(std::memory_order_relaxed); }

  // Under the pool's mutex. A vacant cell, or kCells.
  uint32_t find_vacant() const;
  // Under the pool's mutex. The cell is vacant; its limit stays 0 until set_limit.
  void occupy(uint32_t cell, Backend* owner, uint64_t id, uint32_t weight);
  // Under the pool's mutex. Limit and in flight are 0.
  void vacate(uint32_t cell);

 private:
  static uint32_t limit_of(uint64_t word) { return static_cast<uint32_t>(word >> 32U); }
  static uint32_t in_flight_of(uint64_t word) { return static_cast<uint32_t>(word); }

  Scan scan_uniform(uint32_t cells, uint32_t weight) const;
  void note_less_loaded(LoadKey key);
  LoadKey key_at(uint32_t cell, uint64_t word) const;
  void update_common_weight();

  alignas(64) std::array<std::atomic<uint64_t>, kCells> words_{};
  alignas(64) std::atomic<uint64_t> lower_bound_{
      0};  // version in the high half, key in the low half
  std::atomic<bool> bound_kept_{false};
  // Written under the pool's mutex. A pick that reads a stale weight errs in its preference only.
  alignas(64) std::atomic<uint32_t> used_{0};  // cells ever occupied: the others need no scan
  std::atomic<uint32_t> common_weight_{1};     // 0: the weights differ
  std::array<std::atomic<uint32_t>, kCells> weights_{};
  std::array<std::atomic<uint64_t>, kCells> ids_{};
  std::array<std::atomic<Backend*>, kCells> owners_{};
};

// One cell, or none. The block lives as long as its pool.
struct CellRef {
  LoadBlock* block = nullptr;
  uint32_t cell = 0;

  explicit operator bool() const { return block != nullptr; }
};

}  // namespace flaskscale::balancer
