// The emulator's dice: every draw comes from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace flaskscale::emulator {

class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}

  // Within ± `share` of the value.
  double about(double value, double share) {
    return value * (1 + share * (2 * random_.unit() - 1));
  }
  double between(double low, double high) { return low + (high - low) * random_.unit(); }
  bool happens(double probability) { return probability > 0 && random_.unit() < probability; }
  // Letters and digits.
  std::string word(size_t length);
  uint64_t number() { return random_.next(); }

 private:
  Random random_;
};

inline std::string Chance::word(size_t length) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string made;
  for (size_t i = 0; i < length; ++i) made += kLetters[random_.below(kLetters.size())];
  return made;
}

}  // namespace flaskscale::emulator
