#include "scaler/fleet.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace flaskscale::scaler {
namespace {

constexpr Duration kRecentList = std::chrono::seconds(5);
constexpr size_t kLongestBase = 50;
constexpr double kGivenUpShare = 0.25;

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

}  // namespace

Fleet::Fleet(const std::string& pool, FleetParts parts)
    : prefix_(name_prefix(pool)),
      provider_(parts.provider),
      executor_(parts.executor),
      membership_(parts.membership),
      random_(parts.random),
      backoff_(parts.random),
      supply_(parts.random),
      desk_(pool, parts.journal) {}

void Fleet::apply(const FleetRules& rules, Time now) {
  now_ = now;
  rules_ = rules;
  abilities_ = provider_.abilities();
  supply_.use(abilities_.zones);
  if (!rules_.may_create) forget_creates_not_begun();
  if (rules_.may_drain || stopping_) return;
  for (auto& [name, instance] : instances_) undrain(instance);
}

void Fleet::try_now() {
  supply_.try_now();
  backoff_.try_now();
}

void Fleet::observe(Time now, WallTime wall) {
  now_ = now;
  wall_ = wall;
  read_members();
  for (auto& [name, instance] : instances_) check_time_outs(instance);
  keep_standby();
}

// The report's order rarely changes, so each seat is only checked, not looked up.
void Fleet::read_members() {
  const std::vector<MemberReport> reports = membership_.report();
  const bool as_before = reports.size() == seats_.size() &&
                         std::equal(reports.begin(), reports.end(), seats_.begin(),
                                    [](const MemberReport& report, const Instance* seated) {
                                      return seated == nullptr || report.address == seated->address;
                                    });
  if (!as_before) {
    std::unordered_map<std::string_view, Instance*> members;
    for (auto& [name, instance] : instances_) {
      if (instance.member) members.emplace(instance.address, &instance);
    }
    seats_.clear();
    for (const MemberReport& report : reports) {
      const auto found = members.find(report.address);
      seats_.push_back(found == members.end() ? nullptr : found->second);
      if (found != members.end()) members.erase(found);
    }
    for (const auto& [address, unreported] : members) advance(*unreported, nullptr);
  }
  for (size_t i = 0; i < seats_.size(); ++i) {
    if (seats_[i] != nullptr) advance(*seats_[i], &reports[i]);
  }
}

void Fleet::advance(Instance& instance, const MemberReport* report) {
  if (instance.is_ending()) return;
  if (report == nullptr) {
    instance.in_flight = 0;
    instance.up = instance.serving = false;
    return;
  }
  instance.in_flight = report->in_flight;
  instance.up = report->up;
  instance.serving = report->serving;
  instance.drained_by_operator = report->draining_by_operator;
  if (report->admitted && !instance.admitted_at) on_admitted(instance);
  if (!instance.admitted_at) return;

  if (instance.up) {
    instance.down_since.reset();
    if (now_ - *instance.admitted_at >= kProvenAfter) backoff_.on_proven(instance.created_at);
  } else if (!instance.down_since) {
    instance.down_since = now_;
  }
  const InstanceState reached = report->serving ? InstanceState::ready : InstanceState::warming;
  if (instance.state == InstanceState::booting) set_state(instance, reached);
  if (instance.state == InstanceState::warming && report->serving) set_state(instance, reached);
}

void Fleet::on_admitted(Instance& instance) {
  instance.admitted_at = now_;
  if (!instance.adopted) {
    booted_.push_back({to_seconds(now_ - instance.created_at),
                       boot_kind(instance.version, instance.zone, instance.started)});
  }
  backoff_.on_admitted(instance.created_at);
  if (instance.state != InstanceState::draining) note_intent(instance, Intent::serve);
}

bool Fleet::may_give_up(Time now) {
  while (!given_up_.empty() && to_seconds(now - given_up_.front()) >= boot_seconds_) {
    given_up_.pop_front();
  }
  const auto most =
      std::max<size_t>(1, static_cast<size_t>(kGivenUpShare * static_cast<double>(view().ready)));
  return given_up_.size() < most;
}

bool Fleet::list_is_recent() const {
  return known_ && list_error_.empty() && list_read_at_ && now_ - *list_read_at_ < kRecentList;
}

void Fleet::check_time_outs(Instance& instance) {
  if (!known_ || !list_is_fresh() || !rules_.may_remove || instance.is_ending()) return;
  const Duration age = now_ - instance.created_at;
  switch (instance.state) {
    case InstanceState::booting:
      if (!instance.admitted_at && instance.wanted != Call::create && age >= rules_.boot_timeout) {
        lose(instance, "boot_timeout", "gave no good answer within the boot timeout");
      }
      return;
    case InstanceState::draining:
      check_drain(instance);
      return;
    case InstanceState::standby:
      // Its stop call went well long ago, and it is still on.
      if (!instance.stopped && instance.wanted == Call::none && now_ >= instance.next_call_at) {
        begin_removal(instance, InstanceState::deleting, "not_stopped");
      }
      return;
    default:
      break;
  }
  const bool is_unhealthy =
      instance.down_since && now_ - *instance.down_since >= rules_.boot_timeout;
  if (is_unhealthy && may_give_up(now_)) {
    given_up_.push_back(now_);
    lose(instance, "unhealthy", "failed its health check for as long as the boot timeout");
  }
}

void Fleet::check_drain(Instance& instance) {
  if (instance.leaving && !instance.scaled_in) {
    if (now_ - instance.leaving_since < rules_.boot_timeout) return;
    begin_removal(instance, InstanceState::deleting, "leaving");
    return;
  }
  if (!list_is_recent()) return;
  // Asked again, so that the count is from now, and so that nobody has opened it in between.
  if (instance.member) instance.in_flight = membership_.drain(instance.address);
  const bool may_wait = now_ - *instance.drain_since < rules_.drain_timeout;
  if ((instance.in_flight > 0 || now_ < instance.drain_until) && may_wait) return;
  end_drained(instance);
}

bool Fleet::is_moving() const {
  if (!known_ || !list_error_.empty() || !again_.empty()) return true;
  return std::any_of(instances_.begin(), instances_.end(), [](const auto& entry) {
    const Instance& instance = entry.second;
    return instance.state == InstanceState::booting || instance.state == InstanceState::draining ||
           instance.is_ending() ||
           (instance.state == InstanceState::standby && !instance.stopped) || instance.misses > 0;
  });
}

const FleetView& Fleet::view() const {
  view_.ready = view_.down = view_.draining = view_.standby = 0;
  view_.boots.clear();
  for (const auto& [name, instance] : instances_) {
    if (instance.state == InstanceState::booting) view_.boots.push_back(instance.created_at);
    const bool can_return = !instance.leaving && !instance.remove_called;
    if (instance.state == InstanceState::draining && can_return) ++view_.draining;
    const bool is_kept = instance.state == InstanceState::standby && instance.stopped;
    if (is_kept && !instance.leaving) ++view_.standby;
    if (!instance.is_capacity_now()) continue;
    ++view_.ready;
    if (!instance.up) ++view_.down;
  }
  return view_;
}

void Fleet::note_target(uint32_t target, double boot_seconds) {
  target_ = target;
  boot_seconds_ = boot_seconds;
}

bool Fleet::is_stopped() const {
  if (!stopping_ || call_under_way_) return false;
  if (!rules_.may_remove) return true;
  return instances_.empty() && (!desk_.has_work() || !desk_.error().empty());
}

std::string Fleet::last_error() const {
  if (!list_error_.empty()) return list_error_;
  return call_error_.empty() ? desk_.error() : call_error_;
}

double Fleet::instance_seconds(Time now) const {
  double seconds = past_instance_seconds_;
  for (const auto& [name, instance] : instances_) {
    if (!instance.listed || !instance.billed_since) continue;
    seconds += std::max(0.0, to_seconds(now - *instance.billed_since));
  }
  return seconds;
}

std::vector<BootDone> Fleet::take_booted() { return std::exchange(booted_, {}); }

std::vector<Loss> Fleet::take_losses() { return std::exchange(losses_, {}); }

std::vector<StateChange> Fleet::take_changes() { return std::exchange(changes_, {}); }

}  // namespace flaskscale::scaler
