// Random numbers with the distributions that a simulation asks for.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace flaskscale::simulator {

// mean >= 0.
double exponential(Random& random, double mean);
double standard_normal(Random& random);
// Exact for small means, the rounded normal distribution for large ones.
uint64_t poisson(Random& random, double mean);
// 0 <= p <= 1. Exact for small n or n * p, the rounded normal distribution else.
uint64_t binomial(Random& random, uint64_t n, double p);

}  // namespace flaskscale::simulator
