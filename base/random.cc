#include "base/random.h"

#include <sys/random.h>

#include <bit>

#include "base/check.h"

namespace flaskscale {
namespace {

uint64_t splitmix(uint64_t& x) {
  x += 0x9e3779b97f4a7c15U;
  uint64_t z = x;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

Random::Random(uint64_t seed)
    : state_{splitmix(seed), splitmix(seed), splitmix(seed), splitmix(seed)} {}

uint64_t Random::next() {
  uint64_t* s = state_;
  const uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
  const uint64_t t = s[1] << 17U;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = std::rotl(s[3], 45);
  return result;
}

uint32_t Random::below(uint32_t bound) {
  FS_CHECK(bound > 0);
  return static_cast<uint32_t>(((next() >> 32U) * bound) >> 32U);
}

double Random::unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

uint64_t random_seed() {
  uint64_t seed = 0;
  FS_CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace flaskscale
