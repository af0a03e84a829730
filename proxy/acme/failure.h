// Why a request to the directory came to nothing, as far as what follows depends on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace flaskscale::acme {

enum class FailureKind : uint8_t {
  passing,          // nobody answered, or the answer was a 5xx or no sense
  refused,          // by the directory; asking the same again soon is of no use
  rate_limited,     // asked too often
  account_unknown,  // the directory does not know the account
  gone,             // there is no such order, authorization or certificate (any more)
  not_ready,        // the order is not in the state that was expected
  local,            // this machine: a file, a key
  cancelled,        // by us: no failure at all
};

struct Failure {
  FailureKind kind = FailureKind::passing;
  std::string text;  // one line for people: what was asked, what was answered, what to look at
  std::optional<Duration> retry_after;
};

}  // namespace flaskscale::acme
