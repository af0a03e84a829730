// The API's operations: what was asked for, and how it ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/gce/chance.h"
#include "tests/support/gce/fault_table.h"
#include "tests/support/gce/launch_error.h"
#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

struct Operation {
  uint64_t id = 0;
  std::string name;    // "operation-…"
  std::string type;    // inconsistent, as the real ones are
  std::string scope;   // "zones/Z", "regions/R" or "global"
  std::string target;  // path of the resource: "zones/Z/instanceGroupManagers/G"
  uint64_t target_id = 0;
  double inserted = 0;
  double starts = 0;
  double ends = 0;  // infinite: never
  std::optional<LaunchError> error;
  int http_status = 0;  // of the error
  bool lost = false;    // nobody knows it any more

  enum class Status : uint8_t { pending, running, done };
  Status status(double now) const {
    if (now >= ends) return Status::done;
    return now >= starts ? Status::running : Status::pending;
  }
};

class OperationTable {
 public:
  OperationTable(const Settings& settings, const Timeline& timeline);

  // Begins now; an `operation` fault among the hits shapes its end.
  Operation& begin(std::string type, std::string scope, std::string target, uint64_t target_id,
                   const FaultHits& hits);
  // By name or number; null: unknown, forgotten or of another scope.
  const Operation* find(const std::string& scope, const std::string& name);
  std::vector<const Operation*> of(const std::string& scope);
  const std::map<std::string, Operation>& all() const { return operations_; }
  void clear() { operations_.clear(); }

 private:
  void forget_old();

  const Settings& settings_;
  const Timeline& timeline_;
  Chance chance_;
  std::map<std::string, Operation> operations_;  // by name, which grows with time
};

}  // namespace flaskscale::emulator
