// Breaks the emulated cloud at random, from one seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/gce/chance.h"
#include "tests/support/gce/emulator.h"
#include "tests/support/gce/json.h"

namespace flaskscale::soak {

class SoakFaults {
 public:
  SoakFaults(emulator::Emulator& cloud, uint64_t seed);

  // One more fault, or one deed of an operator or of Google.
  void strike();
  // Everything is whole again, but what has happened stays.
  void end_all();

  uint64_t strikes() const { return strikes_; }

 private:
  void break_calls();
  void break_machines();
  void break_lists_and_tokens();
  void meddle();
  void act(const std::string& what, const emulator::Json& body);
  void fault(emulator::Json details, double least_seconds, double most_seconds);
  std::optional<std::string> some_machine();
  std::string some_zone();
  template <size_t Count>
  const char* one_of(const char* const (&words)[Count]) {
    return words[chance_.number() % Count];
  }

  emulator::Emulator& cloud_;
  emulator::Chance chance_;
  uint64_t strikes_ = 0;
  int templates_ = 1;
};

}  // namespace flaskscale::soak
