// How long to wait after a failure, and when a certificate is due for renewal.
#pragma once

#include <string>

#include "base/random.h"
#include "base/time.h"
#include "proxy/acme/failure.h"
#include "proxy/acme/openssl_certificate.h"
#include "proxy/acme/settings.h"

namespace flaskscale::acme {

inline WallTime later(WallTime time, Duration by) {
  return time + std::chrono::duration_cast<std::chrono::milliseconds>(by);
}

// Doubles with the failures in a row (from 1), up to a quarter longer by chance; never less than
// the directory asks for.
Duration wait_after(const Failure& failure, unsigned failures, const Pace& pace, Random& random);

// "89d", "5h", "12m", "40s": as exact as people want it; never negative.
std::string rounded(Duration duration);

// At two thirds of its life or, by chance, a little later.
WallTime renewal_of(const CertificateFacts& facts, const Pace& pace, Random& random);

}  // namespace flaskscale::acme
