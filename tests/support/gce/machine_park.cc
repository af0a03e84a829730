#include "tests/support/gce/machine_park.h"

#include <algorithm>

namespace flaskscale::emulator {
namespace {

LaunchError stockout(const std::string& zone) {
  return {"ZONE_RESOURCE_POOL_EXHAUSTED",
          "The zone '" + zone +
              "' does not have enough resources available to fulfill the request. Try a different "
              "zone, or try again later."};
}

LaunchError as_launch_error(const Json& fault, const std::string& zone) {
  LaunchError error = stockout(zone);
  error.code = text_of(fault, "code", error.code);
  error.message = text_of(fault, "message", error.message);
  return error;
}

}  // namespace

MachinePark::MachinePark(Settings& settings, Timeline& timeline, FaultTable& faults,
                         MachineHost& host)
    : settings_(settings),
      timeline_(timeline),
      faults_(faults),
      host_(host),
      chance_(settings.seed + 1) {}

Machine* MachinePark::find(const std::string& zone, const std::string& name) {
  const auto found = machines_.find({zone, name});
  return found == machines_.end() ? nullptr : &found->second;
}

Machine* MachinePark::find_anywhere(const std::string& name) {
  for (auto& [key, machine] : machines_) {
    if (key.second == name) return &machine;
  }
  return nullptr;
}

std::optional<LaunchError> MachinePark::take_capacity(const std::string& call,
                                                      const std::string& name,
                                                      const std::string& zone) {
  const FaultHits hits = faults_.meet({.method = call, .names = {name}, .zone = zone});
  if (const Json* fault = hits.find("create")) return as_launch_error(*fault, zone);
  if (settings_.instances_left && *settings_.instances_left == 0) {
    return LaunchError{"QUOTA_EXCEEDED", "Quota 'CPUS' exceeded. Limit: 24.0 in region " + zone};
  }
  const auto left = settings_.capacity_left.find(zone);
  const bool limited = left != settings_.capacity_left.end() && left->second;
  if (limited && *left->second == 0) return stockout(zone);
  if (limited) --*left->second;
  if (settings_.instances_left) --*settings_.instances_left;
  return std::nullopt;
}

void MachinePark::give_capacity(const std::string& zone) {
  const auto left = settings_.capacity_left.find(zone);
  if (left != settings_.capacity_left.end() && left->second) ++*left->second;
  if (settings_.instances_left) ++*settings_.instances_left;
}

void MachinePark::later(const Machine& machine, double delay, Step step) {
  timeline_.after(delay, [this, key = Key{machine.zone, machine.name}, id = machine.id,
                          turn = machine.turn, step = std::move(step)] {
    const auto found = machines_.find(key);
    if (found == machines_.end() || found->second.id != id || found->second.turn != turn) return;
    step(found->second);
  });
}

Machine& MachinePark::enter(const LaunchOrder& order) {
  Machine machine;
  machine.name = order.name;
  machine.zone = order.zone;
  machine.id = (uint64_t{1} << 60U) + (chance_.number() >> 5U);
  const bool kept = !order.address.empty() && host_.take(order.address);
  machine.address = kept ? order.address : host_.new_address(order.zone);
  machine.template_name = order.template_name;
  machine.group = order.group;
  machine.created = timeline_.now();
  machine.simulated = order.simulated;
  return machines_.insert_or_assign({order.zone, order.name}, std::move(machine)).first->second;
}

std::optional<LaunchError> MachinePark::launch(const LaunchOrder& order) {
  if (machines_.contains({order.zone, order.name})) {
    return LaunchError{"RESOURCE_ALREADY_EXISTS", "The resource 'projects/" + settings_.project +
                                                      "/zones/" + order.zone + "/instances/" +
                                                      order.name + "' already exists"};
  }
  if (auto error = take_capacity("vm.create", order.name, order.zone)) return error;
  Machine& machine = enter(order);
  later(machine, about(settings_.timings.provisioning),
        [this](Machine& made) { power_on(made, settings_.timings.staging); });
  return std::nullopt;
}

Machine& MachinePark::put(const LaunchOrder& order) {
  Machine& machine = enter(order);
  machine.status = MachineStatus::running;
  machine.pulled = true;
  if (!machine.simulated) serve(machine);
  return machine;
}

void MachinePark::power_on(Machine& machine, double staging) {
  turn(machine);
  machine.status = MachineStatus::staging;
  later(machine, about(staging), [this](Machine& staged) { come_up(staged); });
}

void MachinePark::come_up(Machine& machine) {
  turn(machine);
  machine.status = MachineStatus::running;
  boot(machine);
  listener_(machine, MachineChange::running);
}

void MachinePark::boot(Machine& machine) {
  double delay = about(settings_.timings.boot);
  if (!machine.pulled) delay += about(settings_.timings.pull);
  const FaultHits hits =
      faults_.meet({.method = "vm.boot", .names = {machine.name}, .zone = machine.zone});
  const Json* fault = hits.find("boot");
  const std::string what = fault != nullptr ? text_of(*fault, "what") : "";
  const double seconds = fault != nullptr ? number_of(*fault, "seconds", 60) : 0;
  if (what == "never_serves") return;
  if (what == "slow") delay += seconds;
  later(machine, delay, [this](Machine& booted) {
    booted.pulled = true;
    serve(booted);
  });
  if (what == "fails_later") {
    later(machine, delay + seconds, [this](Machine& bad) { host_.answer_with(bad, 500); });
  }
  if (what == "vanishes") {
    later(machine, delay + seconds, [this](Machine& lost) {
      host_.kill(lost);
      power_off(lost, Then::gone);
    });
  }
}

void MachinePark::serve(Machine& machine) {
  if (machine.simulated) return;
  machine.serving = true;
  host_.start(machine);
}

void MachinePark::stop(Machine& machine) { wind_down(machine, Then::terminated); }

void MachinePark::remove(Machine& machine) {
  const bool off =
      machine.status == MachineStatus::terminated || machine.status == MachineStatus::suspended;
  if (!off) {
    wind_down(machine, Then::gone);
    return;
  }
  turn(machine);
  later(machine, about(1), [this](Machine& ended) { power_off(ended, Then::gone); });
}

void MachinePark::wind_down(Machine& machine, Then then) {
  turn(machine);
  machine.status = MachineStatus::stopping;
  if (machine.serving) host_.end(machine);
  const double deadline = timeline_.now() + settings_.timings.shutdown;
  later(machine, std::min(about(settings_.timings.stopping), settings_.timings.shutdown),
        [this, deadline, then](Machine& ending) { await_end(ending, deadline, then); });
}

void MachinePark::await_end(Machine& machine, double deadline, Then then) {
  if (host_.is_alive(machine) && timeline_.now() < deadline) {
    const double pause = std::min(1.0, deadline - timeline_.now());
    later(machine, pause,
          [this, deadline, then](Machine& ending) { await_end(ending, deadline, then); });
    return;
  }
  host_.kill(machine);
  power_off(machine, then);
}

void MachinePark::power_off(Machine& machine, Then then) {
  turn(machine);
  const bool was_off =
      machine.status == MachineStatus::terminated || machine.status == MachineStatus::suspended;
  machine.serving = false;
  machine.preempted = false;
  if (!was_off) give_capacity(machine.zone);
  if (then == Then::terminated) {
    machine.status = MachineStatus::terminated;
    listener_(machine, MachineChange::terminated);
    return;
  }
  listener_(machine, MachineChange::gone);
  host_.give_back(machine.address);
  machines_.erase({machine.zone, machine.name});
}

std::optional<LaunchError> MachinePark::start(Machine& machine) {
  if (auto error = take_capacity("vm.start", machine.name, machine.zone)) return error;
  power_on(machine, settings_.timings.start);
  return std::nullopt;
}

void MachinePark::suspend(Machine& machine) {
  turn(machine);
  machine.status = MachineStatus::suspending;
  later(machine, about(settings_.timings.suspending), [this](Machine& asleep) {
    turn(asleep);
    host_.kill(asleep);
    asleep.serving = false;
    asleep.status = MachineStatus::suspended;
    give_capacity(asleep.zone);
    later(asleep, settings_.timings.suspended_most,
          [this](Machine& old) { power_off(old, Then::gone); });
    listener_(asleep, MachineChange::suspended);
  });
}

std::optional<LaunchError> MachinePark::resume(Machine& machine) {
  if (auto error = take_capacity("vm.start", machine.name, machine.zone)) return error;
  turn(machine);
  machine.status = MachineStatus::provisioning;
  later(machine, about(settings_.timings.resume), [this](Machine& awake) {
    turn(awake);
    awake.status = MachineStatus::running;
    serve(awake);
    listener_(awake, MachineChange::running);
  });
  return std::nullopt;
}

void MachinePark::restart(Machine& machine) {
  turn(machine);
  host_.kill(machine);
  machine.serving = false;
  machine.status = MachineStatus::stopping;
  later(machine, about(settings_.timings.stopping), [this](Machine& stopped) {
    turn(stopped);
    power_on(stopped, settings_.timings.start);
  });
}

void MachinePark::preempt(Machine& machine, double notice) {
  turn(machine);
  machine.preempted = true;
  if (notice <= 0) {
    lose_power(machine);
    return;
  }
  machine.status = MachineStatus::stopping;
  later(machine, notice, [this](Machine& preempted) { lose_power(preempted); });
}

void MachinePark::lose_power(Machine& machine) {
  host_.kill(machine);
  power_off(machine, Then::terminated);
}

void MachinePark::crash_program(Machine& machine) {
  host_.kill(machine);
  machine.serving = false;
}

}  // namespace flaskscale::emulator
