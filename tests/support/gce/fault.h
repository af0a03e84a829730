// One thing that is to go wrong, and when.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

// What may be hit: a call, or something that a machine does.
struct FaultProbe {
  std::string method;              // "compute.instances.get", "metadata.token", "vm.create"
  std::vector<std::string> names;  // of the path; of the machine
  std::string zone;
  int page = 1;  // above 1: with a page token
};

struct Fault {
  std::string id;
  std::string kind;
  Json details;  // as it was given
  // When it hits.
  std::string method = "*";
  std::string name = "*";
  std::string zone = "*";
  std::vector<uint64_t> nth;  // of the matching probes, from 1; empty: every
  uint64_t first = std::numeric_limits<uint64_t>::max();
  uint64_t times = std::numeric_limits<uint64_t>::max();
  double probability = 1;
  double from = 0;  // simulated seconds
  double until = std::numeric_limits<double>::infinity();
  int page = 0;  // 0: any
  // So far.
  uint64_t matched = 0;
  uint64_t hits = 0;

  // `now` is added to the times. Unknown kinds and members are errors.
  static Result<Fault> parse(const Json& text, double now);
  bool fits(const FaultProbe& probe, double now) const;
};

}  // namespace flaskscale::emulator
