// The faults that are set, and which of them hit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/support/gce/chance.h"
#include "tests/support/gce/fault.h"
#include "tests/support/gce/json.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

// The faults that one probe has met.
class FaultHits {
 public:
  // The details of the first of that kind; null: none.
  const Json* find(std::string_view kind) const;
  void add(std::string kind, Json details);
  bool empty() const { return hits_.empty(); }
  std::string kinds() const;  // "http, latency"

 private:
  std::vector<std::pair<std::string, Json>> hits_;
};

class FaultTable {
 public:
  FaultTable(const Timeline& timeline, uint64_t seed) : timeline_(timeline), chance_(seed) {}

  Result<std::string> add(const Json& text);  // its id
  bool remove(std::string_view id);
  void clear() { faults_.clear(); }
  Json to_json() const;
  // Counts this probe for each fault that it fits.
  FaultHits meet(const FaultProbe& probe);

 private:
  const Timeline& timeline_;
  Chance chance_;
  std::vector<Fault> faults_;
  uint64_t last_id_ = 0;
};

}  // namespace flaskscale::emulator
