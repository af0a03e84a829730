#include "tests/support/gce/simulated_host.h"

namespace flaskscale::emulator {

std::string SimulatedHost::new_address(const std::string& zone) {
  const int place = zones_.try_emplace(zone, static_cast<int>(zones_.size())).first->second;
  constexpr uint32_t kAddresses = 250U * 250U;
  for (uint32_t tries = 0; tries < kAddresses; ++tries) {
    last_ = (last_ + 1) % kAddresses;
    std::string address = "10." + std::to_string(64 + place) + "." + std::to_string(last_ / 250) +
                          "." + std::to_string(2 + last_ % 250);
    if (taken_.insert(address).second) return address;
  }
  return {};
}

void SimulatedHost::give_back(const std::string& address) {
  taken_.erase(address);
  programs_.erase(address);
}

bool SimulatedHost::take(const std::string& address) { return taken_.insert(address).second; }

void SimulatedHost::start(const Machine& machine) { programs_[machine.address] = Health::serving; }

void SimulatedHost::end(const Machine& machine) { programs_.erase(machine.address); }

void SimulatedHost::kill(const Machine& machine) { programs_.erase(machine.address); }

bool SimulatedHost::is_alive(const Machine& machine) { return programs_.contains(machine.address); }

int SimulatedHost::process_of(const Machine&) { return 0; }

void SimulatedHost::change(const Machine& machine, Health health) {
  const auto found = programs_.find(machine.address);
  if (found != programs_.end()) found->second = health;
}

void SimulatedHost::answer_with(const Machine& machine, int) { change(machine, Health::broken); }

void SimulatedHost::freeze(const Machine& machine) { change(machine, Health::frozen); }

void SimulatedHost::heal(const Machine& machine) { change(machine, Health::serving); }

SimulatedHost::Health SimulatedHost::health(const std::string& address) const {
  const auto found = programs_.find(address);
  return found == programs_.end() ? Health::absent : found->second;
}

}  // namespace flaskscale::emulator
