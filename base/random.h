// A small fast generator, always injected. Not for secrets.
#pragma once

#include <cstdint>

namespace flaskscale {

// xoshiro256++ (Blackman & Vigna 2019), seeded through splitmix64. One per thread; not shared.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next();
  // Uniform in [0, bound), bound > 0 (Lemire 2019, without the rejection step: the bias is below
  // 2^-32).
  uint32_t below(uint32_t bound);
  // Uniform in [0, 1).
  double unit();

 private:
  uint64_t state_[4];
};

// 64 bits from the operating system, to seed a Random at start.
uint64_t random_seed();

}  // namespace flaskscale
