// The part of the fleet that moves one instance on in its life.
#include <algorithm>
#include <utility>

#include "scaler/fleet.h"

namespace flaskscale::scaler {

void Fleet::set_state(Instance& instance, InstanceState state, std::string_view reason) {
  if (instance.state == state) return;
  instance.state = state;
  changes_.push_back({instance.name, state, std::string(reason), instance.failure});
}

JournalEntry Fleet::entry_of(const Instance& instance, Intent intent) const {
  return {instance.name, intent, instance.zone, instance.request_id, instance.born, wall_};
}

void Fleet::note_intent(const Instance& instance, Intent intent) {
  desk_.note(entry_of(instance, intent));
}

// Two instances may claim one address for a moment, when a new machine got that of one that is
// being deleted: the new one waits for the next list.
void Fleet::join_pool(Instance& instance) {
  if (instance.member || instance.address.empty()) return;
  const bool is_taken = std::any_of(instances_.begin(), instances_.end(), [&](const auto& entry) {
    return entry.second.member && entry.second.address == instance.address;
  });
  if (is_taken) return;
  membership_.add(instance.address);
  instance.member = true;
  seats_.clear();
}

void Fleet::leave_pool(Instance& instance) {
  if (!instance.member) return;
  membership_.remove(instance.address);
  instance.member = false;
  instance.in_flight = 0;
  instance.up = instance.serving = false;
  seats_.clear();
}

void Fleet::lose(Instance& instance, std::string_view reason, std::string detail,
                 Obstacle obstacle) {
  const bool bad_start = !instance.admitted_at || now_ - *instance.admitted_at < kProvenAfter;
  if (obstacle == Obstacle::other) {
    if (bad_start) backoff_.on_failure(instance.created_at, now_);
  } else {
    supply_.on_failure(instance.zone, obstacle, instance.created_at, now_);
  }
  instance.failure = detail;
  losses_.push_back({instance.name, reason, std::move(detail)});
  begin_removal(instance, InstanceState::failed, reason);
}

void Fleet::fail_to_make(Instance& instance, Obstacle obstacle, const std::string& detail) {
  const std::string_view usual = instance.started ? "start_failed" : "create_failed";
  const std::string_view reason = obstacle == Obstacle::other ? usual : to_string(obstacle);
  lose(instance, reason, detail, obstacle);
}

void Fleet::begin_removal(Instance& instance, InstanceState state, std::string_view reason) {
  leave_pool(instance);
  set_state(instance, state, reason);
  instance.wanted = Call::remove;
  instance.request_id.clear();
  instance.call_failures = 0;
  instance.next_call_at = now_;
}

void Fleet::stop_billing(Instance& instance) {
  if (instance.billed_since && instance.listed) {
    past_instance_seconds_ += std::max(0.0, to_seconds(now_ - *instance.billed_since));
  }
  instance.billed_since.reset();
}

// Drained, or past the drain timeout: its machine is kept for a quick start where that is wanted
// and it has proved itself.
void Fleet::end_drained(Instance& instance) {
  const auto kept = std::count_if(instances_.begin(), instances_.end(), [](const auto& entry) {
    return entry.second.state == InstanceState::standby;
  });
  const bool is_fit = instance.admitted_at && instance.up && !instance.outdated &&
                      !instance.leaving && !instance.remove_called && instance.listed;
  const bool is_wanted = abilities_.can_stop && !stopping_ && kept < rules_.standby;
  if (is_fit && is_wanted) {
    put_to_standby(instance);
    instance.wanted = Call::stop;
    instance.request_id.clear();
    instance.next_call_at = now_;
  } else {
    begin_removal(instance, InstanceState::deleting);
  }
}

void Fleet::put_to_standby(Instance& instance) {
  leave_pool(instance);
  set_state(instance, InstanceState::standby);
  instance.wanted = Call::none;
  instance.call_failures = 0;
  instance.before_drain = InstanceState::booting;
  instance.scaled_in = false;
  instance.admitted_at.reset();
  instance.down_since.reset();
  instance.drain_since.reset();
}

void Fleet::drain(Instance& instance) {
  instance.before_drain = instance.state;
  set_state(instance, InstanceState::draining);
  instance.scaled_in = true;
  instance.drain_since = now_;
  instance.drain_until = now_;
  if (instance.member) instance.in_flight = membership_.drain(instance.address);
  note_intent(instance, Intent::drain);
}

bool Fleet::undrain(Instance& instance) {
  if (instance.state != InstanceState::draining || instance.leaving) return false;
  if (instance.remove_called) return false;
  if (instance.member && !membership_.undrain(instance.address)) return false;
  set_state(instance, instance.before_drain);
  instance.scaled_in = false;
  instance.drain_since.reset();
  join_pool(instance);
  note_intent(instance, Intent::serve);
  return true;
}

void Fleet::erase_if_gone() {
  std::erase_if(instances_,
                [](const auto& entry) { return entry.second.state == InstanceState::gone; });
}

}  // namespace flaskscale::scaler
