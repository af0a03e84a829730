#include "simulator/reference_driver.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flaskscale::simulator {

ReferenceDriver::ReferenceDriver(std::unique_ptr<ScalingLaw> law, const ReferenceSettings& settings,
                                 DriverParts parts)
    : law_(std::move(law)),
      settings_(settings),
      provider_(parts.provider),
      bridge_(parts.bridge),
      clock_(parts.clock) {}

// What is there, from the provider's list and the pool's report.
void ReferenceDriver::look() {
  const auto listed = provider_.list();
  for (const scaler::InstanceReport& report : *listed) {
    if (report.exited) {
      if (const auto known = machines_.find(report.name); known != machines_.end()) {
        bridge_.remove(known->second.address);
        machines_.erase(known);
      }
      (void)provider_.remove({{report.name}, "", ""});
      continue;
    }
    if (report.address.empty()) continue;  // it is being deleted
    const auto [entry, is_new] = machines_.try_emplace(report.name);
    if (!is_new) continue;
    entry->second.address = report.address;
    entry->second.number = ++last_number_;
    bridge_.add(report.address);
  }
  std::unordered_map<std::string, Machine*> by_address;
  for (auto& [name, machine] : machines_) by_address[machine.address] = &machine;
  for (const scaler::MemberReport& report : bridge_.report()) {
    const auto found = by_address.find(report.address);
    if (found == by_address.end()) continue;
    found->second->admitted = report.admitted;
    found->second->in_flight = report.in_flight;
  }
}

void ReferenceDriver::end_drained() {
  for (auto entry = machines_.begin(); entry != machines_.end();) {
    const Machine& machine = entry->second;
    const bool may_end =
        machine.draining &&
        (machine.in_flight == 0 || clock_.now - machine.since >= settings_.drain_timeout);
    if (!may_end) {
      ++entry;
      continue;
    }
    bridge_.remove(machine.address);
    (void)provider_.remove({{entry->first}, "", ""});
    entry = machines_.erase(entry);
  }
}

void ReferenceDriver::grow(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    scaler::InstanceCall call;
    call.names = {"reference-" + std::to_string(last_number_ + i + 1)};
    if (!provider_.create(call)) return;
  }
}

void ReferenceDriver::shrink(uint32_t count) {
  std::vector<Machine*> candidates;
  for (auto& [name, machine] : machines_) {
    if (!machine.draining) candidates.push_back(&machine);
  }
  std::sort(candidates.begin(), candidates.end(), [](const Machine* a, const Machine* b) {
    return std::pair(a->admitted, b->number) < std::pair(b->admitted, a->number);
  });
  candidates.resize(std::min<size_t>(count, candidates.size()));
  for (Machine* machine : candidates) {
    machine->draining = true;
    machine->since = clock_.now;
    machine->in_flight = bridge_.drain(machine->address);
  }
}

void ReferenceDriver::tick(const Observation& seen) {
  look();
  LawView view;
  view.now = clock_.seconds();
  view.in_flight = seen.mean_in_flight;
  view.waiting = seen.mean_waiting;
  view.slots = settings_.slots;
  view.min = settings_.min;
  view.max = settings_.max;
  for (const auto& [name, machine] : machines_) {
    if (machine.draining) continue;
    ++(machine.admitted ? view.ready : view.booting);
  }
  if (!has_looked_) {
    // Nothing has been measured yet.
    has_looked_ = true;
    wanted_ = view.ready + view.booting;
  } else if (seen.load.coverage > 0) {
    wanted_ = std::clamp(law_->wanted(view), settings_.min, settings_.max);
    const uint32_t planned = view.ready + view.booting;
    if (wanted_ > planned) {
      grow(wanted_ - planned);
      look();
    } else if (wanted_ < planned) {
      shrink(planned - wanted_);
    }
  }
  end_drained();
  bridge_.expect_capacity(view.booting > 0 || view.ready == 0, settings_.boot_median);
}

}  // namespace flaskscale::simulator
