// The last decisions of one pool, and how often each kind was made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "scaler/decision.h"

namespace flaskscale::scaler {

// Control loop only.
class DecisionLog {
 public:
  static constexpr size_t kKept = 1000;

  DecisionLog() = default;
  DecisionLog(const DecisionLog&) = delete;
  DecisionLog& operator=(const DecisionLog&) = delete;

  // What makes two decisions equal.
  struct Key {
    Action action = Action::hold;
    std::string_view reason;
    uint32_t target = 0;
    uint32_t planned = 0;
    uint32_t need = 0;
  };
  // A hold or an observation equal to the last record is counted there, and needs no record of its
  // own. False: it needs one.
  bool repeat(const Key& key, Time at);

  // Numbers and stores it; or, if it is a repeat, merges it into the last record. Returns the
  // record; the reference lives until the next call.
  const Decision& record(Decision decision);
  // How the last record's numbers and words look by now. Not before the first record.
  void refresh_last(Decision seen);

  const std::deque<Decision>& entries() const { return entries_; }  // oldest first
  const Decision* last() const { return entries_.empty() ? nullptr : &entries_.back(); }
  // Ticks by (action, reason), repeats included; only grows.
  const std::map<std::pair<Action, std::string>, uint64_t>& counts() const { return counts_; }

 private:
  std::deque<Decision> entries_;
  std::map<std::pair<Action, std::string>, uint64_t> counts_;
  uint64_t* last_count_ = nullptr;  // in counts_, of the last record
  uint64_t next_number_ = 1;
};

}  // namespace flaskscale::scaler
