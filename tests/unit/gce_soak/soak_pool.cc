#include "tests/unit/gce_soak/soak_pool.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace flaskscale::soak {
namespace {

using emulator::SimulatedHost;

constexpr double kServiceSeconds = 0.5;
constexpr int kRise = 2;
constexpr int kFall = 3;
constexpr uint64_t kProbeSeconds = 2;
constexpr Duration kRamp = std::chrono::seconds(10);
constexpr double kPatience = 30;  // seconds in the queue

std::string host_of(const std::string& address) { return address.substr(0, address.find(':')); }

}  // namespace

SoakPool::SoakPool(emulator::Emulator& cloud, const SimulatedHost& host,
                   const scaler::Policy& policy, uint64_t seed, Report report)
    : cloud_(cloud), host_(host), policy_(policy), random_(seed), report_(std::move(report)) {}

void SoakPool::forget_all() {
  members_.clear();
  backlog_ = 0;
  sample_ = {};
}

void SoakPool::second(Time now) {
  now_ = now;
  if (++seconds_ % kProbeSeconds == 0) {
    for (auto& [address, member] : members_) check_health(address, member);
  }
  serve();
}

void SoakPool::check_health(const std::string& address, Member& member) {
  const bool good = host_.health(host_of(address)) == SimulatedHost::Health::serving;
  member.streak = good == member.up ? 0 : member.streak + 1;
  if (member.streak < (good ? kRise : kFall)) return;
  member.up = good;
  member.streak = 0;
  if (good && !member.admitted) {
    member.admitted = true;
    member.admitted_at = now_;
  }
}

void SoakPool::serve() {
  const double arriving = rate_ * (0.9 + 0.2 * random_.unit()) + carry_;
  const double whole = std::floor(arriving);
  carry_ = arriving - whole;
  sample_.arrivals += static_cast<uint64_t>(whole);
  double done = 0;
  for (auto& [address, member] : members_) {
    if (!member.draining) continue;
    const uint32_t left = member.up ? member.in_flight * 4 / 5 : 0;
    done += member.in_flight - left;
    member.in_flight = left;
  }
  const auto slots = static_cast<double>(open() * policy_.slots);
  const double served = std::min(backlog_ + whole, slots / kServiceSeconds);
  backlog_ = std::min(backlog_ + whole - served, rate_ * kPatience);
  const double busy = std::min(slots, served * kServiceSeconds + backlog_);
  double in_flight = 0;
  for (auto& [address, member] : members_) {
    if (!member.draining) {
      member.in_flight =
          member.up
              ? static_cast<uint32_t>(std::lround(policy_.slots * busy / std::max(1.0, slots)))
              : 0;
    }
    in_flight += member.in_flight;
  }
  done += served;
  sample_.dispatched += static_cast<uint64_t>(served);
  sample_.completions += static_cast<uint64_t>(done);
  sample_.holding_seconds += std::floor(done) * kServiceSeconds;
  sample_.in_flight_seconds += in_flight;
  sample_.in_flight = static_cast<uint64_t>(in_flight);
  sample_.queued = static_cast<uint64_t>(backlog_);
  sample_.oldest_wait_seconds = backlog_ > 0 ? std::min(kPatience, backlog_ / (rate_ + 1)) : 0;
}

size_t SoakPool::open() const {
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(), [](const auto& each) {
    return each.second.up && !each.second.draining;
  }));
}

size_t SoakPool::draining() const {
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(),
                                           [](const auto& each) { return each.second.draining; }));
}

bool SoakPool::is_sound(const std::string& address) const {
  const std::string host = host_of(address);
  if (host_.health(host_of(address)) != SimulatedHost::Health::serving) return false;
  for (const auto& [key, machine] : cloud_.cloud().park.machines()) {
    if (machine.address != host) continue;
    const auto group = cloud_.cloud().keeper.groups().find(machine.group);
    if (group == cloud_.cloud().keeper.groups().end()) return false;
    const emulator::Member* member = group->second.find(machine.name);
    return machine.status == emulator::MachineStatus::running && !machine.preempted &&
           member != nullptr && member->action == emulator::Action::none &&
           member->template_name == group->second.template_name;
  }
  return false;
}

void SoakPool::add(const std::string& address) { members_.try_emplace(address); }

uint32_t SoakPool::drain(const std::string& address) {
  const auto found = members_.find(address);
  if (found == members_.end()) return 0;
  Member& member = found->second;
  if (!member.draining) {
    member.draining = true;
    member.draining_since = now_;
    if (member.up && is_sound(address) && open() < policy_.min) {
      report_("drained " + address + ": " + std::to_string(open()) +
              " healthy are left of at least " + std::to_string(policy_.min));
    }
  }
  return member.in_flight;
}

bool SoakPool::undrain(const std::string& address) {
  const auto found = members_.find(address);
  if (found == members_.end() || !found->second.draining) return false;
  found->second.draining = false;
  return true;
}

void SoakPool::remove(const std::string& address) {
  const auto found = members_.find(address);
  if (found == members_.end()) return;
  const Member& member = found->second;
  const bool waited_long = member.draining && now_ - member.draining_since >= policy_.drain_timeout;
  if (member.up && member.in_flight > 0 && !waited_long && is_sound(address)) {
    report_("took " + address + " out of the pool with " + std::to_string(member.in_flight) +
            " requests in flight" + (member.draining ? "" : ", not drained"));
  }
  members_.erase(found);
}

std::vector<scaler::MemberReport> SoakPool::report() const {
  std::vector<scaler::MemberReport> reports;
  for (const auto& [address, member] : members_) {
    scaler::MemberReport report;
    report.address = address;
    report.admitted = member.admitted;
    report.up = member.up;
    report.serving = member.admitted && member.up && now_ - member.admitted_at >= kRamp;
    report.in_flight = member.in_flight;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace flaskscale::soak
