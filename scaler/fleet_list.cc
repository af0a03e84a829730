// The part of the fleet that reads the provider's list, and once the journal.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "scaler/fleet.h"

namespace flaskscale::scaler {
namespace {

constexpr Duration kListGrace =
    std::chrono::seconds(30);             // a new instance may take this long to be listed
constexpr uint32_t kGoneAfterMisses = 2;  // for what answers, or may be taken back
constexpr Duration kBuriedFor = std::chrono::minutes(10);

}  // namespace

void Fleet::on_list(JournalPage& page, const Result<std::vector<InstanceReport>>& listed) {
  if (desk_.settle(page)) {
    restore(page.loaded);
    memory_ = std::move(page.loaded_memory);
  }
  if (!listed) {
    list_error_ = listed.error().detail;
    if (list_error_.empty()) list_error_ = std::string(to_string(listed.error().code));
    return;
  }
  list_error_.clear();
  list_read_at_ = now_;
  abilities_ = provider_.abilities();  // what a list costs decides how often it may be asked for
  std::erase_if(buried_, [&](const auto& entry) { return now_ - entry.second >= kBuriedFor; });
  std::unordered_set<std::string_view> names;
  for (const InstanceReport& report : *listed) {
    names.insert(report.name);
    on_reported(report);
  }
  for (auto& [name, instance] : instances_) {
    if (!names.contains(name)) on_missing(instance);
  }
  erase_if_gone();
  for (const auto& [name, born] : served_) {
    if (!instances_.contains(name)) desk_.forget(name);
  }
  served_.clear();
  note_next_boot_kind();
  if (known_) return;
  known_ = true;
  if (on_first_list_) on_first_list_();
}

void Fleet::on_reported(const InstanceReport& report) {
  const auto found = instances_.find(report.name);
  if (found == instances_.end()) {
    const bool is_ours = report.ours || bears_our_name(report.name);
    if (is_ours || served_.contains(report.name)) adopt(report);
    return;
  }
  Instance& instance = found->second;
  if (instance.wanted == Call::create) return;
  instance.listed = true;
  instance.misses = 0;
  if (!report.zone.empty()) instance.zone = report.zone;
  instance.version = report.version;
  instance.outdated = report.outdated;
  const bool is_another = !instance.id.empty() && !report.id.empty() && instance.id != report.id;
  if (!report.id.empty()) instance.id = report.id;
  if (instance.is_ending()) return;
  if (is_another) leave_pool(instance);
  if (report.exited) {
    on_reported_ending(instance, report);
    return;
  }
  if (on_reported_obstacle(instance, report)) return;
  if (on_reported_leaving(instance, report)) return;
  if (on_reported_stopped(instance, report)) return;
  if (is_another) begin_anew(instance);
  if (report.running) supply_.on_success(instance.zone, instance.created_at);
  if (instance.address != report.address && !report.address.empty()) {
    if (!instance.address.empty()) begin_anew(instance);
    instance.address = report.address;
  }
  if (instance.state != InstanceState::draining) join_pool(instance);
}

void Fleet::on_reported_ending(Instance& instance, const InstanceReport& report) {
  const bool was_leaving = instance.state == InstanceState::draining;
  if (was_leaving || instance.state == InstanceState::standby) {
    begin_removal(instance, InstanceState::deleting);
  } else {
    lose(instance, instance.admitted_at ? "crashed" : "boot_failed", report.detail);
  }
}

// True: it can't be made, or made again, and has been dealt with.
bool Fleet::on_reported_obstacle(Instance& instance, const InstanceReport& report) {
  if (report.obstacle == Obstacle::none) return false;
  switch (instance.state) {
    case InstanceState::booting:
      if (instance.started && report.stopped) {
        supply_.on_failure(instance.zone, report.obstacle, instance.created_at, now_);
        put_to_standby(instance);
        instance.stopped = true;
        stop_billing(instance);
      } else {
        fail_to_make(instance, report.obstacle, report.detail);
      }
      return true;
    case InstanceState::draining:
    case InstanceState::standby:
      begin_removal(instance, InstanceState::deleting, to_string(report.obstacle));
      return true;
    default:
      if (instance.up) return false;
      fail_to_make(instance, report.obstacle, report.detail);
      return true;
  }
}

// True: nothing else about it counts now. What somebody else is ending may come back: it gets no
// new request and is no capacity, but it is not deleted for that.
bool Fleet::on_reported_leaving(Instance& instance, const InstanceReport& report) {
  if (report.leaving) {
    if (instance.leaving) return true;
    instance.leaving = true;
    instance.leaving_since = now_;
    const bool was_wanted =
        instance.state != InstanceState::draining && instance.state != InstanceState::standby;
    if (!was_wanted) return true;
    if (instance.admitted_at) losses_.push_back({instance.name, "leaving", report.detail});
    instance.before_drain = InstanceState::booting;
    instance.wanted = Call::none;
    instance.drain_since = now_;
    set_state(instance, InstanceState::draining, "leaving");
    if (instance.member) instance.in_flight = membership_.drain(instance.address);
    return true;
  }
  if (!instance.leaving) return false;
  instance.leaving = false;
  if (instance.state != InstanceState::draining || instance.scaled_in) return false;
  set_state(instance, InstanceState::booting, "returned");
  begin_anew(instance);
  const FleetView& now_there = view();
  const bool is_surplus = now_there.ready + now_there.boots.size() > target_;
  if (!is_surplus || !rules_.may_drain || !rules_.may_remove) return false;
  begin_removal(instance, InstanceState::deleting, "replaced");
  return true;
}

// True: its machine is off, or is being turned off by us.
bool Fleet::on_reported_stopped(Instance& instance, const InstanceReport& report) {
  if (!report.stopped) {
    const bool was_off = std::exchange(instance.stopped, false);
    if (instance.wanted == Call::start) instance.wanted = Call::none;
    if (!was_off) return instance.state == InstanceState::standby;
    if (!instance.billed_since) instance.billed_since = now_;
    if (instance.state == InstanceState::standby) {  // somebody else has started it
      set_state(instance, InstanceState::booting);
      begin_anew(instance);
    }
    return false;
  }
  instance.stopped = true;
  const bool is_being_started = instance.state == InstanceState::booting && instance.started;
  if (is_being_started) return true;
  if (instance.state == InstanceState::standby) {
    if (instance.wanted == Call::stop) instance.wanted = Call::none;
  } else if (instance.remove_called) {
    begin_removal(instance, InstanceState::deleting);
  } else {
    if (instance.is_capacity_now()) losses_.push_back({instance.name, "stopped", report.detail});
    put_to_standby(instance);
  }
  stop_billing(instance);
  return true;
}

// Repaired by the provider under its old name: the new incarnation has to prove itself.
void Fleet::begin_anew(Instance& instance) {
  leave_pool(instance);
  if (instance.state != InstanceState::draining) set_state(instance, InstanceState::booting);
  instance.before_drain = InstanceState::booting;
  instance.address.clear();
  instance.created_at = now_;
  instance.adopted = true;
  instance.drain_since =
      instance.state == InstanceState::draining ? instance.drain_since : std::optional<Time>{};
  instance.admitted_at.reset();
  instance.down_since.reset();
}

void Fleet::adopt(const InstanceReport& report) {
  Instance instance;
  instance.name = report.name;
  instance.id = report.id;
  instance.zone = report.zone;
  instance.created_at = now_;
  instance.billed_since = now_;
  const auto served = served_.find(report.name);
  instance.born = served == served_.end() ? wall_ : served->second;
  instance.adopted = true;
  instance.listed = true;
  changes_.push_back({instance.name, InstanceState::booting, "found", {}});
  Instance& placed = instances_.emplace(instance.name, instance).first->second;
  const bool is_useless = report.exited || report.obstacle != Obstacle::none;
  if (stopping_ || is_useless || buried_.contains(report.name)) {
    begin_removal(placed, is_useless ? InstanceState::failed : InstanceState::deleting);
    return;
  }
  on_reported(report);
}

void Fleet::on_missing(Instance& instance) {
  if (instance.wanted == Call::create || is_called_again(instance.name)) {
    if (!instance.is_ending()) return;
  }
  if (instance.is_ending()) {
    // An ending that was not asked for yet still needs its call: what a failed create made may
    // show up late.
    if (instance.remove_called || instance.listed) on_gone(instance);
    return;
  }
  const bool not_listed_yet = !instance.listed && now_ - instance.created_at < kListGrace;
  if (instance.state == InstanceState::booting && not_listed_yet) return;
  const bool is_doubtful = instance.up || instance.state == InstanceState::draining ||
                           instance.state == InstanceState::standby;
  if (instance.listed && is_doubtful && ++instance.misses < kGoneAfterMisses) return;
  if (instance.state == InstanceState::standby) {
    on_gone(instance);
    return;
  }
  if (instance.state == InstanceState::draining) {
    begin_removal(instance, InstanceState::deleting);
  } else {
    lose(instance, "vanished", "is no longer in the provider's list");
  }
  if (instance.listed) on_gone(instance);
}

void Fleet::note_next_boot_kind() {
  next_boot_kind_.clear();
  for (const auto& [name, instance] : instances_) {
    if (instance.outdated || instance.version.empty()) continue;
    const bool can_start = instance.state == InstanceState::standby && instance.stopped;
    if (can_start) {
      next_boot_kind_ = boot_kind(instance.version, instance.zone, true);
      return;
    }
    next_boot_kind_ = boot_kind(instance.version, abilities_.zones.front(), false);
  }
}

void Fleet::on_gone(Instance& instance) {
  leave_pool(instance);
  stop_billing(instance);
  if (instance.remove_called) buried_[instance.name] = now_;
  desk_.forget(instance.name);
  set_state(instance, InstanceState::gone);
}

}  // namespace flaskscale::scaler
