#include "simulator/simulated_provider.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::simulator {
namespace {

constexpr size_t kSuffixLetters = 6;  // as the scaler names its instances
constexpr double kListsPerBoot = 20;

}  // namespace

SimulatedProvider::SimulatedProvider(const CloudSettings& settings, const SimulatedClock& clock,
                                     uint64_t seed)
    : settings_(settings), clock_(clock), random_(seed) {}

bool SimulatedProvider::is_out_of_stock() const {
  const double now = clock_.seconds();
  return std::any_of(
      settings_.stockouts.begin(), settings_.stockouts.end(),
      [now](const auto& window) { return now >= window.first && now < window.second; });
}

// Short enough to be kept within the string object itself.
std::string SimulatedProvider::next_address() {
  return "vm" + std::to_string(++addresses_) + ":80";
}

scaler::Abilities SimulatedProvider::abilities() const {
  scaler::Abilities abilities;
  abilities.list_interval = std::chrono::seconds(5);
  abilities.list_interval_moving =
      from_seconds(std::clamp(settings_.boot.mean() / kListsPerBoot, 1.0, 2.0));
  return abilities;
}

Result<void> SimulatedProvider::create(const scaler::InstanceCall& call) {
  if (is_out_of_stock()) {
    refused_ += call.names.size();
    return make_error(ErrorCode::out_of_capacity, "no such machine can be had now");
  }
  for (const std::string& name : call.names) {
    if (machines_.contains(name)) continue;
    Machine machine;
    machine.address = next_address();
    machine.created = clock_.now;
    machine.next = clock_.now + from_seconds(settings_.boot.sample(random_));
    machine.event =
        random_.unit() < settings_.boot_failures ? Machine::Event::fail : Machine::Event::answer;
    names_[machine.address] = name;
    machines_.emplace(name, std::move(machine));
    ++booting_;
    ++started_;
  }
  find_next_event();
  return {};
}

Result<std::vector<scaler::InstanceReport>> SimulatedProvider::list() {
  std::vector<scaler::InstanceReport> reports;
  reports.reserve(machines_.size());
  for (const auto& [name, machine] : machines_) {
    scaler::InstanceReport& report = reports.emplace_back();
    report.name = name;
    report.id = machine.address;
    report.address = machine.exited || machine.removed ? std::string() : machine.address;
    report.running = !machine.exited;
    report.exited = machine.exited;
    if (machine.exited) report.detail = machine.answering ? "crashed" : "ended during its boot";
  }
  return reports;
}

Result<void> SimulatedProvider::remove(const scaler::InstanceCall& call) {
  for (const std::string& name : call.names) {
    const auto found = machines_.find(name);
    if (found == machines_.end() || found->second.removed) continue;
    Machine& machine = found->second;
    if (!machine.answering && !machine.exited) --booting_;
    machine.removed = true;
    machine.answering = false;
    if (settings_.delete_time <= Duration::zero()) {
      gone(found);
    } else {
      machine.event = Machine::Event::vanish;
      machine.next = clock_.now + settings_.delete_time;
    }
  }
  find_next_event();
  return {};
}

SimulatedProvider::Machines::iterator SimulatedProvider::gone(Machines::iterator machine) {
  past_seconds_ += to_seconds(clock_.now - machine->second.created);
  names_.erase(machine->second.address);
  return machines_.erase(machine);
}

void SimulatedProvider::begin_with(uint32_t count, const std::string& prefix) {
  for (uint32_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    Machine machine;
    machine.address = next_address();
    machine.created = clock_.now;
    machine.answering = true;
    std::string name = prefix +
                       std::string(kSuffixLetters - std::min(kSuffixLetters, number.size()), '0') +
                       number;
    names_[machine.address] = name;
    machines_.emplace(std::move(name), std::move(machine));
  }
}

void SimulatedProvider::crash(double share, MachineListener& listener) {
  std::vector<Machine*> answering;
  for (auto& [name, machine] : machines_) {
    if (machine.answering && !machine.exited) answering.push_back(&machine);
  }
  auto left = static_cast<size_t>(std::llround(share * static_cast<double>(answering.size())));
  for (size_t i = 0; i < answering.size() && left > 0; ++i) {
    const auto others = static_cast<uint32_t>(answering.size() - i);
    if (random_.below(others) >= left) continue;
    --left;
    answering[i]->exited = true;
    listener.on_crashed(answering[i]->address);
  }
}

void SimulatedProvider::find_next_event() {
  next_event_.reset();
  for (const auto& [name, machine] : machines_) {
    if (machine.event != Machine::Event::none && (!next_event_ || machine.next < *next_event_)) {
      next_event_ = machine.next;
    }
  }
}

void SimulatedProvider::advance(MachineListener& listener) {
  if (!next_event_ || *next_event_ > clock_.now) return;
  for (auto entry = machines_.begin(); entry != machines_.end();) {
    Machine& machine = entry->second;
    if (machine.event == Machine::Event::none || machine.next > clock_.now) {
      ++entry;
      continue;
    }
    const Machine::Event event = std::exchange(machine.event, Machine::Event::none);
    if (event == Machine::Event::vanish) {
      entry = gone(entry);
      continue;
    }
    --booting_;
    machine.exited = event == Machine::Event::fail;
    machine.answering = !machine.exited;
    if (machine.answering) listener.on_answering(machine.address);
    ++entry;
  }
  find_next_event();
}

bool SimulatedProvider::is_answering(const std::string& address) const {
  const auto name = names_.find(address);
  if (name == names_.end()) return false;
  const Machine& machine = machines_.at(name->second);
  return machine.answering && !machine.exited;
}

double SimulatedProvider::billed_seconds() const {
  double seconds = past_seconds_;
  for (const auto& [name, machine] : machines_) seconds += to_seconds(clock_.now - machine.created);
  return seconds;
}

}  // namespace flaskscale::simulator
