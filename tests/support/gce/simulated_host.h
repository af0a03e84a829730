// Machines that exist only as addresses.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/support/gce/machine_host.h"

namespace flaskscale::emulator {

// Addresses are 10.64+z.x.y; a machine's state can be asked for by address. One thread.
class SimulatedHost final : public MachineHost {
 public:
  enum class Health : uint8_t { absent, serving, broken, frozen };

  std::string new_address(const std::string& zone) override;
  void give_back(const std::string& address) override;
  bool take(const std::string& address) override;
  void start(const Machine& machine) override;
  void end(const Machine& machine) override;
  void kill(const Machine& machine) override;
  bool is_alive(const Machine& machine) override;
  int process_of(const Machine& machine) override;
  void answer_with(const Machine& machine, int status) override;
  void freeze(const Machine& machine) override;
  void heal(const Machine& machine) override;

  Health health(const std::string& address) const;

 private:
  void change(const Machine& machine, Health health);

  std::map<std::string, int> zones_;  // to the second number of its addresses
  std::set<std::string> taken_;
  uint32_t last_ = 0;
  std::map<std::string, Health> programs_;  // by address
};

}  // namespace flaskscale::emulator
