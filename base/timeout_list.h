// Deadlines that all lie the same distance ahead: start, restart and cancel cost a few pointer
// writes.
#pragma once

#include "base/time.h"

namespace flaskscale {

// One armed deadline. Embed it in what times out; destroying it cancels it.
class TimeoutEntry {
 public:
  TimeoutEntry() = default;
  TimeoutEntry(const TimeoutEntry&) = delete;
  TimeoutEntry& operator=(const TimeoutEntry&) = delete;
  ~TimeoutEntry() { cancel(); }

  bool is_armed() const { return next_ != nullptr; }
  // When it was last armed.
  Time since() const { return since_; }
  void cancel() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  friend class TimeoutList;
  TimeoutEntry* previous_ = nullptr;
  TimeoutEntry* next_ = nullptr;
  Time since_{};
  void* owner_ = nullptr;
};

// The entries of one time-out class, oldest first. One thread only. Entries may be armed and
// cancelled from inside the expiry callback.
class TimeoutList {
 public:
  TimeoutList() { head_.next_ = head_.previous_ = &head_; }
  TimeoutList(const TimeoutList&) = delete;
  TimeoutList& operator=(const TimeoutList&) = delete;
  ~TimeoutList() {
    while (head_.next_ != &head_) head_.next_->cancel();
    head_.next_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }

  // Arms, or moves an armed entry to `now`. `now` never runs backwards between calls.
  void restart(TimeoutEntry& entry, void* owner, Time now) {
    entry.cancel();
    entry.owner_ = owner;
    entry.since_ = now;
    entry.previous_ = head_.previous_;
    entry.next_ = &head_;
    head_.previous_->next_ = &entry;
    head_.previous_ = &entry;
  }

  // Disarms the oldest entry if it has stood for `limit`, and returns its owner; else null.
  void* take_expired(Time now, Duration limit) {
    TimeoutEntry* oldest = head_.next_;
    if (oldest == &head_ || now - oldest->since_ < limit) return nullptr;
    oldest->cancel();
    return oldest->owner_;
  }

 private:
  TimeoutEntry head_;
};

}  // namespace flaskscale
