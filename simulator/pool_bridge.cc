#include "simulator/pool_bridge.h"

#include <algorithm>

#include "simulator/sampling.h"

namespace flaskscale::simulator {

PoolBridge::PoolBridge(Traffic& traffic, SimulatedProvider& provider, const SimulatedClock& clock,
                       HoldRule hold)
    : traffic_(traffic), provider_(provider), clock_(clock), hold_(hold) {}

PoolBridge::Member* PoolBridge::find(const std::string& address) {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const Member& member) { return member.address == address; });
  return found == members_.end() ? nullptr : &*found;
}

void PoolBridge::add(const std::string& address) {
  if (find(address) != nullptr) return;
  Member& member = members_.emplace_back();
  member.address = address;
  member.backend = traffic_.pool().add_backend(address, 1, clock_.now);
  if (provider_.is_answering(address)) probe(member);
}

void PoolBridge::probe(Member& member) {
  member.admitted = true;
  traffic_.pool().on_probe(member.address, true, clock_.now);
}

uint32_t PoolBridge::drain(const std::string& address) {
  Member* member = find(address);
  if (member == nullptr) return 0;
  if (!member->draining) {
    ++drained_;
    member->left = traffic_.is_calm() ? in_flight(*member) : 0;
    member->draining = true;
    traffic_.pool().drain(address, clock_.now);
  }
  return in_flight(*member);
}

bool PoolBridge::undrain(const std::string& address) {
  Member* member = find(address);
  if (member == nullptr || !member->draining) return false;
  ++undrained_;
  member->draining = false;
  member->left = 0;
  return traffic_.pool().undrain(address, clock_.now);
}

void PoolBridge::remove(const std::string& address) {
  Member* member = find(address);
  if (member == nullptr) return;
  if (!member->crashed) killed_ += in_flight(*member);
  traffic_.plant().lose(*member->backend);
  traffic_.pool().remove_backend(address, clock_.now);
  members_.erase(members_.begin() + (member - members_.data()));
}

// In bulk all backends that serve have an equal share.
uint32_t PoolBridge::in_flight(const Member& member) const {
  if (!traffic_.is_calm() || member.draining) {
    return member.backend->in_flight() + static_cast<uint32_t>(member.left);
  }
  const uint32_t serving = census().ready;
  if (!member.admitted || serving == 0) return 0;
  return static_cast<uint32_t>(traffic_.calm_in_flight() / serving);
}

std::vector<scaler::MemberReport> PoolBridge::report() const {
  std::vector<scaler::MemberReport> reports;
  reports.reserve(members_.size());
  const uint32_t serving = traffic_.is_calm() ? std::max(1U, census().ready) : 1;
  const auto share = static_cast<uint32_t>(traffic_.calm_in_flight() / serving);
  for (const Member& member : members_) {
    scaler::MemberReport& report = reports.emplace_back();
    const balancer::Backend& backend = *member.backend;
    report.address = member.address;
    report.admitted = member.admitted;
    report.up = backend.is_up();
    report.serving = report.up && backend.life() == balancer::Life::ready;
    report.in_flight = backend.in_flight() + static_cast<uint32_t>(member.left);
    if (member.admitted && !member.draining) report.in_flight += share;
  }
  return reports;
}

// Told every second, mostly the same.
void PoolBridge::expect_capacity(bool coming, Duration boot_median) {
  if (hold_ == HoldRule::when_empty) {
    // Those who were held while nothing served are held until they are served.
    const bool is_empty = coming && census().ready == 0;
    holding_ = is_empty || (holding_ && traffic_.pool().queued() > 0);
    coming = holding_;
  }
  const std::pair told(coming, boot_median);
  if (expected_ == told) return;
  expected_ = told;
  traffic_.pool().expect_capacity(coming, boot_median, clock_.now);
}

void PoolBridge::on_answering(const std::string& address) {
  if (Member* member = find(address)) probe(*member);
}

// The front door sees refused connections at once.
void PoolBridge::on_crashed(const std::string& address) {
  Member* member = find(address);
  if (member == nullptr) return;
  member->crashed = true;
  for (uint32_t i = 0; i < traffic_.settings().health_fall; ++i) {
    traffic_.pool().on_probe(address, false, clock_.now);
  }
  traffic_.plant().lose(*member->backend);
}

void PoolBridge::fade(double share_left) {
  for (Member& member : members_) {
    if (member.left > 0) member.left = binomial(traffic_.random(), member.left, share_left);
  }
}

PoolBridge::Census PoolBridge::census() const {
  Census census;
  for (const Member& member : members_) {
    const balancer::Backend& backend = *member.backend;
    if (member.admitted && !member.draining && !member.crashed) ++census.ready;
    census.slots += backend.limit();
    census.warming |= backend.life() == balancer::Life::warming;
    census.finishing |= member.draining && backend.in_flight() > 0;
  }
  return census;
}

}  // namespace flaskscale::simulator
