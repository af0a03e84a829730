// All machines of the emulated project, and how they come, change and go.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/gce/chance.h"
#include "tests/support/gce/fault_table.h"
#include "tests/support/gce/launch_error.h"
#include "tests/support/gce/machine.h"
#include "tests/support/gce/machine_host.h"
#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

struct LaunchOrder {
  std::string name;
  std::string zone;
  std::string template_name;
  std::string group;
  std::string address;  // if it is free; else a new one
  bool simulated = false;
};

enum class MachineChange : uint8_t { running, terminated, suspended, gone };

// The references are borrowed. Machines are never moved while they exist.
class MachinePark {
 public:
  // `gone`: the machine is about to be destroyed.
  using Listener = std::function<void(Machine&, MachineChange)>;

  MachinePark(Settings& settings, Timeline& timeline, FaultTable& faults, MachineHost& host);
  void listen(Listener listener) { listener_ = std::move(listener); }

  Machine* find(const std::string& zone, const std::string& name);
  // By name alone, in the first zone that has it.
  Machine* find_anywhere(const std::string& name);
  const std::map<std::pair<std::string, std::string>, Machine>& machines() const {
    return machines_;
  }

  std::optional<LaunchError> launch(const LaunchOrder& order);
  // Running and serving at once, whatever the capacity.
  Machine& put(const LaunchOrder& order);

  void stop(Machine& machine);
  std::optional<LaunchError> start(Machine& machine);
  void suspend(Machine& machine);
  std::optional<LaunchError> resume(Machine& machine);
  void restart(Machine& machine);
  // In order: its program is asked to end, then it is gone.
  void remove(Machine& machine);

  // Its program goes on until the notice is over; then it is killed and the machine is off.
  void preempt(Machine& machine, double notice);
  // Off at once.
  void lose_power(Machine& machine);
  void crash_program(Machine& machine);

  bool is_alive(const Machine& machine) { return host_.is_alive(machine); }
  MachineHost& host() { return host_; }
  Chance& chance() { return chance_; }
  // A duration of the settings with its jitter.
  double about(double seconds) { return chance_.about(seconds, settings_.timings.jitter); }

 private:
  using Key = std::pair<std::string, std::string>;
  using Step = std::function<void(Machine&)>;

  std::optional<LaunchError> take_capacity(const std::string& call, const std::string& name,
                                           const std::string& zone);
  void give_capacity(const std::string& zone);
  // Unless the machine has taken another turn by then.
  void later(const Machine& machine, double delay, Step step);
  static void turn(Machine& machine) { ++machine.turn; }
  void power_on(Machine& machine, double staging);
  void come_up(Machine& machine);
  void boot(Machine& machine);
  void serve(Machine& machine);
  enum class Then : uint8_t { terminated, gone };
  void wind_down(Machine& machine, Then then);
  void await_end(Machine& machine, double deadline, Then then);
  void power_off(Machine& machine, Then then);
  Machine& enter(const LaunchOrder& order);

  Settings& settings_;
  Timeline& timeline_;
  FaultTable& faults_;
  MachineHost& host_;
  Chance chance_;
  Listener listener_ = [](Machine&, MachineChange) {};
  std::map<Key, Machine> machines_;
};

}  // namespace flaskscale::emulator
