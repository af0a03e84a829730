// The part of the fleet that goes on where an earlier run ended.
#include <algorithm>
#include <chrono>

#include "scaler/fleet.h"

namespace flaskscale::scaler {
namespace {

// Requests that an earlier run passed on can't be counted by this one; they have ended by then.
constexpr Duration kHandOver = std::chrono::seconds(30);
constexpr auto kLongestAge = std::chrono::hours(24 * 30);  // the calendar may be wrong

// When that was, by our clock.
Time time_of(WallTime then, WallTime wall, Time now) {
  const auto age = std::clamp<std::chrono::milliseconds>(wall - then, {}, kLongestAge);
  return now - age;
}

}  // namespace

void Fleet::restore(const std::vector<JournalEntry>& entries) {
  for (const JournalEntry& entry : entries) restore(entry);
}

// The journal could be read only now. An earlier run had begun to remove what serves meanwhile: it
// gets no new request, but those that it answers are not cut off.
void Fleet::end_after_all(Instance& instance) {
  if (instance.is_ending()) return;
  if (!instance.member) {
    begin_removal(instance, InstanceState::deleting, "earlier_run");
    return;
  }
  if (instance.state != InstanceState::draining) drain(instance);
  instance.scaled_in = true;
  instance.remove_called = true;
  note_intent(instance, Intent::remove);
}

void Fleet::restore(const JournalEntry& entry) {
  const auto known = instances_.find(entry.instance);
  if (known != instances_.end()) {
    known->second.born = entry.created_at;
    if (entry.intent == Intent::remove) end_after_all(known->second);
    return;
  }
  if (entry.intent == Intent::serve) {
    served_.emplace(entry.instance, entry.created_at);
    return;
  }
  Instance instance;
  instance.name = entry.instance;
  instance.zone = entry.zone;
  instance.request_id = entry.request_id;
  instance.born = entry.created_at;
  instance.adopted = true;
  instance.created_at = now_;
  instance.billed_since = now_;
  instance.next_call_at = now_;
  // Not so old that it would be given up before it can be asked for its health.
  const Time oldest = now_ - rules_.boot_timeout + std::min(kHandOver, rules_.boot_timeout);
  switch (entry.intent) {
    case Intent::serve:
      return;
    case Intent::create:
      instance.created_at = std::max(oldest, time_of(entry.created_at, wall_, now_));
      break;
    case Intent::start:
      instance.started = true;
      instance.wanted = Call::start;
      instance.created_at = std::max(oldest, time_of(entry.intended_at, wall_, now_));
      break;
    case Intent::drain:
      instance.state = InstanceState::draining;
      instance.scaled_in = true;
      instance.drain_since = time_of(entry.intended_at, wall_, now_);
      instance.drain_until = now_ + kHandOver;
      break;
    case Intent::stop:
      instance.state = InstanceState::standby;
      instance.wanted = Call::stop;
      break;
    case Intent::remove:
      instance.state = InstanceState::deleting;
      instance.wanted = Call::remove;
      break;
  }
  changes_.push_back({instance.name, instance.state, "earlier_run", {}});
  instances_.emplace(instance.name, instance);
}

}  // namespace flaskscale::scaler
