// What runs on the emulated machines.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/gce/machine.h"

namespace flaskscale::emulator {

// Called under the emulator's lock; must not block for long.
class MachineHost {
 public:
  virtual ~MachineHost() = default;

  // An address that no other machine has now; empty: there is none left.
  virtual std::string new_address(const std::string& zone) = 0;
  virtual void give_back(const std::string& address) = 0;
  // This very address; false: it is taken.
  virtual bool take(const std::string& address) = 0;

  virtual void start(const Machine& machine) = 0;
  // Asks its program to end.
  virtual void end(const Machine& machine) = 0;
  virtual void kill(const Machine& machine) = 0;
  // Its program is there, perhaps ending.
  virtual bool is_alive(const Machine& machine) = 0;
  virtual int process_of(const Machine& machine) = 0;  // 0: none

  // Instead of the program something answers every request with this status; it does not answer any
  // more; both are undone.
  virtual void answer_with(const Machine& machine, int status) = 0;
  virtual void freeze(const Machine& machine) = 0;
  virtual void heal(const Machine& machine) = 0;
};

}  // namespace flaskscale::emulator
