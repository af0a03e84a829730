// One virtual machine of the emulated cloud.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace flaskscale::emulator {

enum class MachineStatus : uint8_t {
  provisioning,
  staging,
  running,
  stopping,
  terminated,
  suspending,
  suspended,
};

constexpr std::string_view to_text(MachineStatus status) {
  switch (status) {
    case MachineStatus::provisioning:
      return "PROVISIONING";
    case MachineStatus::staging:
      return "STAGING";
    case MachineStatus::running:
      return "RUNNING";
    case MachineStatus::stopping:
      return "STOPPING";
    case MachineStatus::terminated:
      return "TERMINATED";
    case MachineStatus::suspending:
      return "SUSPENDING";
    case MachineStatus::suspended:
      break;
  }
  return "SUSPENDED";
}

// A plain value; the park changes it.
struct Machine {
  std::string name;
  std::string zone;
  uint64_t id = 0;  // never given twice
  MachineStatus status = MachineStatus::provisioning;
  std::string address;
  std::string template_name;
  std::string group;  // "zone/name" of the group it belongs to; empty: nobody's
  std::map<std::string, std::string> labels;
  double created = 0;
  bool serving = false;    // its program has been started
  bool preempted = false;  // a preemption is under way
  bool pulled = false;     // its image is there
  bool simulated = false;  // never has a program
  uint64_t turn = 0;       // grows with each change, so that outdated plans are dropped
};

}  // namespace flaskscale::emulator
