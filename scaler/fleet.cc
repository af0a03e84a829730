#include "scaler/fleet.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace flaskscale::scaler {
namespace {

constexpr Duration kProvenAfter =
    std::chrono::seconds(30);  // an instance that ends sooner had a bad start
constexpr size_t kSuffixLetters = 6;
constexpr size_t kLongestBase = 50;
constexpr double kYoungShare = 0.25;  // of the boot time: a boot that is cheap to give up

// What providers accept in names: [a-z0-9-], first a letter.
std::string name_prefix(const std::string& pool) {
  std::string base;
  for (const char c : pool.substr(0, kLongestBase)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const char letter = upper ? static_cast<char>(c - 'A' + 'a') : c;
    const bool allowed = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
    base += allowed ? letter : '-';
  }
  if (base.empty() || base[0] < 'a' || base[0] > 'z') base.insert(0, "p");
  return base + "-";
}

char suffix_letter(uint32_t index) {
  return static_cast<char>(index < 26 ? 'a' + index : '0' + (index - 26));
}

}  // namespace

Fleet::Fleet(const std::string& pool, Provider& provider, BlockingExecutor& executor,
             Membership& membership, Random& random)
    : prefix_(name_prefix(pool)),
      provider_(provider),
      executor_(executor),
      membership_(membership),
      random_(random),
      backoff_(random) {}

void Fleet::apply(const FleetRules& rules, Time now) {
  now_ = now;
  rules_ = rules;
  if (!rules_.may_create) forget_creates_not_begun();
  if (rules_.may_drain || stopping_) return;
  for (auto& [name, instance] : instances_) undrain(instance);
}

void Fleet::forget_creates_not_begun() {
  std::erase_if(instances_,
                [](const auto& entry) { return entry.second.wanted == Instance::Call::create; });
}

bool Fleet::bears_our_name(const std::string& name) const {
  if (name.size() != prefix_.size() + kSuffixLetters || !name.starts_with(prefix_)) return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix_.size()), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

std::string Fleet::new_name() {
  std::string name;
  do {
    name = prefix_;
    for (size_t i = 0; i < kSuffixLetters; ++i) name += suffix_letter(random_.below(36));
  } while (instances_.contains(name));
  return name;
}

void Fleet::observe(Time now) {
  now_ = now;
  std::unordered_map<std::string, MemberReport> members;
  for (MemberReport& report : membership_.report()) {
    std::string address = report.address;
    members.insert_or_assign(std::move(address), std::move(report));
  }
  for (auto& [name, instance] : instances_) {
    const auto member = instance.member ? members.find(instance.address) : members.end();
    advance(instance, member == members.end() ? nullptr : &member->second);
    check_time_outs(instance);
  }
}

void Fleet::advance(Instance& instance, const MemberReport* report) {
  if (instance.is_ending()) return;
  if (report == nullptr) {
    instance.in_flight = 0;
    instance.up = false;
    return;
  }
  instance.in_flight = report->in_flight;
  instance.up = report->up;
  instance.drained_by_operator = report->draining_by_operator;
  if (report->admitted && !instance.admitted_at) {
    instance.admitted_at = now_;
    if (!instance.adopted) booted_.push_back(to_seconds(now_ - instance.created_at));
    backoff_.on_admitted(instance.created_at);
  }
  if (!instance.admitted_at) return;

  if (instance.up) {
    instance.down_since.reset();
    if (now_ - *instance.admitted_at >= kProvenAfter) backoff_.on_proven(instance.created_at);
  } else if (!instance.down_since) {
    instance.down_since = now_;
  }
  const InstanceState reached = report->serving ? InstanceState::ready : InstanceState::warming;
  if (instance.state == InstanceState::booting) instance.state = reached;
  if (instance.state == InstanceState::warming && report->serving) instance.state = reached;
}

void Fleet::check_time_outs(Instance& instance) {
  if (!known_ || !list_is_fresh() || !rules_.may_remove || instance.is_ending()) return;
  const bool never_answered = !instance.admitted_at && instance.wanted != Instance::Call::create &&
                              instance.state == InstanceState::booting &&
                              now_ - instance.created_at >= rules_.boot_timeout;
  if (never_answered) {
    lose(instance, "boot_timeout", "gave no good answer within the boot timeout");
    return;
  }
  if (instance.state == InstanceState::draining) {
    // Asked again, so that the count is from now, and so that nobody has opened it in between.
    if (instance.member) instance.in_flight = membership_.drain(instance.address);
    const bool may_wait = now_ - *instance.drain_since < rules_.drain_timeout;
    if (instance.in_flight > 0 && may_wait) return;
    begin_removal(instance, InstanceState::deleting);
    return;
  }
  if (instance.down_since && now_ - *instance.down_since >= rules_.boot_timeout) {
    lose(instance, "unhealthy", "failed its health check for as long as the boot timeout");
  }
}

void Fleet::leave_pool(Instance& instance) {
  if (!instance.member) return;
  membership_.remove(instance.address);
  instance.member = false;
  instance.in_flight = 0;
}

void Fleet::lose(Instance& instance, std::string_view reason, std::string detail) {
  const bool bad_start = !instance.admitted_at || now_ - *instance.admitted_at < kProvenAfter;
  if (bad_start) backoff_.on_failure(instance.created_at, now_);
  instance.failure = detail;
  losses_.push_back({instance.name, reason, std::move(detail)});
  begin_removal(instance, InstanceState::failed);
}

void Fleet::begin_removal(Instance& instance, InstanceState state) {
  leave_pool(instance);
  instance.state = state;
  instance.wanted = Instance::Call::remove;
  instance.next_remove_at = now_;
}

void Fleet::drain(Instance& instance) {
  instance.before_drain = instance.state;
  instance.state = InstanceState::draining;
  instance.drain_since = now_;
  if (instance.member) instance.in_flight = membership_.drain(instance.address);
}

bool Fleet::undrain(Instance& instance) {
  if (instance.state != InstanceState::draining) return false;
  if (instance.member && !membership_.undrain(instance.address)) return false;
  instance.state = instance.before_drain;
  instance.drain_since.reset();
  return true;
}

Fleet::Added Fleet::scale_out(uint32_t count, Time now) {
  now_ = now;
  Added added;
  std::vector<Instance*> draining;
  for (auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::draining && !instance.drained_by_operator) {
      draining.push_back(&instance);
    }
  }
  // What was ready last serves at once; a boot given up comes back as a boot.
  std::sort(draining.begin(), draining.end(), [](const Instance* a, const Instance* b) {
    return std::tuple(a->before_drain == InstanceState::booting, *b->drain_since, a->name) <
           std::tuple(b->before_drain == InstanceState::booting, *a->drain_since, b->name);
  });
  for (Instance* instance : draining) {
    if (added.undrained == count) return added;
    if (undrain(*instance)) ++added.undrained;
  }
  if (!rules_.may_create || stopping_) return added;

  const uint32_t wanted = count - added.undrained;
  added.created = std::min(wanted, backoff_.allowance(now));
  added.held_back = wanted - added.created;
  for (uint32_t i = 0; i < added.created; ++i) {
    Instance instance;
    instance.name = new_name();
    instance.wanted = Instance::Call::create;
    instance.created_at = now;
    instances_.emplace(instance.name, instance);
    backoff_.on_created(now);
  }
  return added;
}

uint32_t Fleet::scale_in(uint32_t count, double boot_seconds, Time now) {
  now_ = now;
  if (!rules_.may_drain || stopping_) return 0;
  const double overdue = std::max(1.5 * boot_seconds, boot_seconds + 30);
  // Overdue boots, young boots, then serving instances with the fewest in flight; boots that are
  // nearly there come last. Ties: the oldest.
  const auto rank = [&](const Instance& instance) {
    const double age = to_seconds(now - instance.created_at);
    const bool booting = instance.state == InstanceState::booting;
    const int group = !booting ? 2 : age > overdue ? 0 : age < kYoungShare * boot_seconds ? 1 : 3;
    return std::tuple(group, instance.in_flight, instance.created_at, instance.name);
  };
  std::vector<Instance*> candidates;
  for (auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::booting || instance.is_capacity_now()) {
      candidates.push_back(&instance);
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [&](const Instance* a, const Instance* b) { return rank(*a) < rank(*b); });
  if (candidates.size() > count) candidates.resize(count);
  for (Instance* instance : candidates) {
    const std::string name = instance->name;
    const bool never_asked_for = instance->wanted == Instance::Call::create;
    if (never_asked_for) {
      instances_.erase(name);
    } else {
      drain(*instance);
    }
  }
  return static_cast<uint32_t>(candidates.size());
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
    if (instance.is_ending() || instance.state == InstanceState::draining) continue;
    drain(instance);
  }
}

FleetView Fleet::view() const {
  FleetView view;
  for (const auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::booting) view.boots.push_back(instance.created_at);
    if (!instance.is_capacity_now()) continue;
    ++view.ready;
    if (!instance.up) ++view.down;
  }
  return view;
}

double Fleet::instance_seconds(Time now) const {
  double seconds = past_instance_seconds_;
  for (const auto& [name, instance] : instances_) {
    if (instance.wanted == Instance::Call::create) continue;
    seconds += std::max(0.0, to_seconds(now - instance.created_at));
  }
  return seconds;
}

std::vector<double> Fleet::take_booted() { return std::exchange(booted_, {}); }

std::vector<Loss> Fleet::take_losses() { return std::exchange(losses_, {}); }

}  // namespace flaskscale::scaler
