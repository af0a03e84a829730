// The last decisions of one pool, and how often each kind was made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "scaler/decision.h"

namespace flaskscale::scaler {

// Control loop only.
class DecisionLog {
 public:
  static constexpr size_t kKept = 1000;

  // Numbers and stores it. A hold or an observation equal to the last record (action, reason,
  // target, planned, need) is merged into that one. Returns the record; the reference lives until
  // the next call.
  const Decision& record(Decision decision);

  const std::deque<Decision>& entries() const { return entries_; }  // oldest first
  const Decision* last() const { return entries_.empty() ? nullptr : &entries_.back(); }
  // Ticks by (action, reason), repeats included; only grows.
  const std::map<std::pair<Action, std::string>, uint64_t>& counts() const { return counts_; }

 private:
  std::deque<Decision> entries_;
  std::map<std::pair<Action, std::string>, uint64_t> counts_;
  uint64_t next_number_ = 1;
};

}  // namespace flaskscale::scaler
