// The part of the fleet that makes it larger, smaller and newer.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "scaler/fleet.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kSuffixLetters = 6;
constexpr double kYoungShare = 0.25;   // of the boot time: a boot that is cheap to give up
constexpr uint32_t kSurgeDivisor = 5;  // a fifth of the pool is replaced at a time

char suffix_letter(uint32_t index) {
  return static_cast<char>(index < 26 ? 'a' + index : '0' + (index - 26));
}

}  // namespace

std::string Fleet::new_name() {
  std::string name;
  do {
    name = prefix_;
    for (size_t i = 0; i < kSuffixLetters; ++i) name += suffix_letter(random_.below(36));
  } while (instances_.contains(name) || buried_.contains(name));
  return name;
}

bool Fleet::bears_our_name(const std::string& name) const {
  if (name.size() != prefix_.size() + kSuffixLetters || !name.starts_with(prefix_)) return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix_.size()), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

void Fleet::forget_creates_not_begun() {
  std::erase_if(instances_, [](const auto& entry) { return entry.second.wanted == Call::create; });
}

Added Fleet::scale_out(uint32_t count, Time now) {
  now_ = now;
  Added added;
  added.undrained = take_back(count);
  add_capacity(count - added.undrained, added);
  return added;
}

uint32_t Fleet::take_back(uint32_t count) {
  std::vector<Instance*> draining;
  for (auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::draining && !instance.drained_by_operator) {
      draining.push_back(&instance);
    }
  }
  // What was ready last serves at once; a boot given up comes back as a boot; an old version has
  // to go again.
  const auto rank = [](const Instance* one, const Instance* other) {
    return std::tuple(one->outdated, one->before_drain == InstanceState::booting,
                      *other->drain_since, one->name);
  };
  std::sort(draining.begin(), draining.end(),
            [&](const Instance* a, const Instance* b) { return rank(a, b) < rank(b, a); });
  uint32_t taken = 0;
  for (Instance* instance : draining) {
    if (taken == count) break;
    if (undrain(*instance)) ++taken;
  }
  return taken;
}

void Fleet::add_capacity(uint32_t count, Added& added) {
  if (count == 0 || !rules_.may_create || stopping_) return;
  const uint32_t allowed = std::min(count, backoff_.allowance(now_));
  added.started = start_stopped(allowed);
  for (const Supply::Offer& offer : supply_.offers(allowed - added.started, now_)) {
    create_new(offer.zone, offer.count);
    added.created += offer.count;
  }
  added.held_back = count - added.started - added.created;
  if (added.held_back == 0) return;
  const Obstacle shortage = supply_.shortage(now_);
  added.obstacle = shortage == Obstacle::none ? "boot_backoff" : to_string(shortage);
}

uint32_t Fleet::start_stopped(uint32_t count) {
  uint32_t started = 0;
  for (auto& [name, instance] : instances_) {
    if (started == count) break;
    const bool can_start = instance.state == InstanceState::standby && instance.stopped &&
                           instance.wanted == Call::none && !instance.outdated &&
                           !instance.leaving && supply_.is_open(instance.zone, now_);
    if (!can_start) continue;
    set_state(instance, InstanceState::booting);
    instance.wanted = Call::start;
    instance.request_id.clear();
    instance.next_call_at = now_;
    instance.created_at = now_;
    instance.started = true;
    instance.adopted = false;
    supply_.on_asked(instance.zone, now_);
    backoff_.on_created(now_);
    ++started;
  }
  return started;
}

void Fleet::create_new(const std::string& zone, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    Instance instance;
    instance.name = new_name();
    instance.zone = zone;
    instance.wanted = Call::create;
    instance.created_at = now_;
    instance.next_call_at = now_;
    instance.born = wall_;
    changes_.push_back({instance.name, InstanceState::booting, {}, {}});
    instances_.emplace(instance.name, instance);
    backoff_.on_created(now_);
  }
  supply_.on_asked(zone, now_);
}

// Overdue boots, young boots, old versions, then serving instances with the fewest in flight; boots
// that are nearly there come last. Ties: the fullest zone, then the oldest; of boots the youngest.
std::vector<Instance*> Fleet::scale_in_candidates(double boot_seconds) {
  const double overdue = std::max(1.5 * boot_seconds, boot_seconds + 30);
  std::map<std::string_view, uint32_t> crowd;
  for (const auto& [name, instance] : instances_) {
    if (instance.is_capacity_now()) ++crowd[instance.zone];
  }
  const auto rank = [&](const Instance& instance) {
    const double age = to_seconds(now_ - instance.created_at);
    const bool booting = instance.state == InstanceState::booting;
    const int group = !booting                           ? (instance.outdated ? 2 : 3)
                      : age > overdue                    ? 0
                      : age < kYoungShare * boot_seconds ? 1
                                                         : 4;
    return std::tuple(group, instance.in_flight, ~crowd[instance.zone], group == 4 ? age : -age,
                      std::string_view(instance.name));
  };
  std::vector<Instance*> candidates;
  for (auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::booting || instance.is_capacity_now()) {
      candidates.push_back(&instance);
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [&](const Instance* a, const Instance* b) { return rank(*a) < rank(*b); });
  return candidates;
}

uint32_t Fleet::scale_in(uint32_t count, uint32_t serving, double boot_seconds, Time now) {
  now_ = now;
  if (!rules_.may_drain || stopping_) return 0;
  const FleetView& there = view();
  const uint32_t up = there.ready - there.down;
  uint32_t spare = up - std::min(up, serving);
  uint32_t taken = 0;
  for (Instance* instance : scale_in_candidates(boot_seconds)) {
    if (taken == count) break;
    const bool answers = instance->is_capacity_now() && instance->up;
    if (answers && spare == 0) continue;
    if (answers) --spare;
    ++taken;
    if (instance->wanted == Call::create) {  // nobody has been asked for it
      set_state(*instance, InstanceState::gone);
    } else if (instance->wanted == Call::start) {
      put_to_standby(*instance);
    } else {
      drain(*instance);
    }
  }
  erase_if_gone();
  return taken;
}

bool Fleet::is_rolling() const {
  if (!rules_.may_create || !rules_.may_drain || !rules_.may_remove || stopping_) return false;
  return std::any_of(instances_.begin(), instances_.end(), [](const auto& entry) {
    const Instance& instance = entry.second;
    return instance.outdated &&
           (instance.is_capacity_now() || instance.state == InstanceState::booting);
  });
}

// New instances first, then as many old ones drain as the pool can spare.
Rolled Fleet::roll(uint32_t base, Time now) {
  now_ = now;
  Rolled rolled;
  if (!is_rolling() || supply_.shortage(now) != Obstacle::none) return rolled;
  uint32_t there = 0;
  uint32_t serving = 0;
  uint32_t booting = 0;
  uint32_t old_up = 0;
  uint32_t old_down = 0;
  uint32_t old_booting = 0;
  for (const auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::booting) {
      ++booting;
      if (instance.outdated) ++old_booting;
    }
    if (!instance.is_capacity_now()) continue;
    ++there;
    if (instance.outdated) ++(instance.up ? old_up : old_down);
    if (instance.up && (instance.outdated || instance.serving)) ++serving;
  }
  const uint32_t surge = std::max(1U, base / kSurgeDivisor);
  const uint32_t spare_down = std::min(old_down, there - std::min(there, base));
  const uint32_t spare_up = std::min({old_up, serving - std::min(serving, base), surge});
  drain_outdated(spare_down, false);
  drain_outdated(spare_up, true);
  rolled.drained = spare_down + spare_up;
  const uint32_t planned = there + booting - rolled.drained;
  const uint32_t left = old_up + old_down + old_booting - rolled.drained;
  const uint32_t wanted = base + std::min(surge, left);
  if (planned < wanted) {
    Added added;
    add_capacity(wanted - planned, added);
    rolled.added = added.started + added.created;
  }
  return rolled;
}

void Fleet::drain_outdated(uint32_t count, bool up) {
  for (uint32_t i = 0; i < count; ++i) {
    Instance* fewest = nullptr;
    for (auto& [name, instance] : instances_) {
      const bool is_candidate =
          instance.outdated && instance.is_capacity_now() && instance.up == up;
      if (!is_candidate) continue;
      if (fewest == nullptr || instance.in_flight < fewest->in_flight) fewest = &instance;
    }
    if (fewest == nullptr) return;
    drain(*fewest);
  }
}

// Stopped instances that are too many, or too old to be started, are deleted.
void Fleet::keep_standby() {
  if (!known_ || !rules_.may_remove || stopping_) return;
  const uint32_t wanted = abilities_.can_stop ? rules_.standby : 0;
  uint32_t kept = 0;
  for (auto& [name, instance] : instances_) {
    if (instance.state != InstanceState::standby) continue;
    if (kept < wanted && !instance.outdated) {
      ++kept;
      continue;
    }
    begin_removal(instance, InstanceState::deleting, "standby");
  }
}

void Fleet::stop_all(Time now) {
  now_ = now;
  stopping_ = true;
  forget_creates_not_begun();
  if (!rules_.may_remove) return;
  for (auto& [name, instance] : instances_) {
    if (!instance.is_ending()) begin_removal(instance, InstanceState::deleting);
  }
}

void Fleet::drain_all(Time now) {
  now_ = now;
  stopping_ = true;
  forget_creates_not_begun();
  if (!rules_.may_remove) return;
  for (auto& [name, instance] : instances_) {
    if (instance.is_ending()) continue;
    if (instance.state == InstanceState::draining) {
      instance.scaled_in = true;
    } else if (instance.state == InstanceState::standby) {
      begin_removal(instance, InstanceState::deleting);
    } else {
      drain(instance);
    }
  }
}

}  // namespace flaskscale::scaler
