#include "tests/support/gce/operation_table.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

namespace flaskscale::emulator {

OperationTable::OperationTable(const Settings& settings, const Timeline& timeline)
    : settings_(settings), timeline_(timeline), chance_(settings.seed + 2) {}

Operation& OperationTable::begin(std::string type, std::string scope, std::string target,
                                 uint64_t target_id, const FaultHits& hits) {
  forget_old();
  const Timings& timings = settings_.timings;
  Operation operation;
  operation.id = (uint64_t{1} << 60U) + (chance_.number() >> 5U);
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "%013.0f", timeline_.now() * 1000);
  operation.name = std::string("operation-") + stamp + "-" + chance_.word(13) + "-" +
                   chance_.word(8) + "-" + chance_.word(8);
  operation.type = std::move(type);
  operation.scope = std::move(scope);
  operation.target = std::move(target);
  operation.target_id = target_id;
  operation.inserted = timeline_.now();
  operation.starts = operation.inserted + chance_.about(timings.operation_pending, timings.jitter);
  operation.ends = operation.starts + chance_.about(timings.operation_running, timings.jitter);
  if (const Json* fault = hits.find("operation")) {
    const std::string outcome = text_of(*fault, "outcome");
    if (outcome == "slow") operation.ends += number_of(*fault, "seconds", 60);
    if (outcome == "never_done") operation.ends = std::numeric_limits<double>::infinity();
    if (outcome == "lost") operation.lost = true;
    if (outcome == "error") {
      operation.error = LaunchError{text_of(*fault, "code", "INTERNAL_ERROR"),
                                    text_of(*fault, "message", "Internal error. Try again.")};
      operation.http_status = static_cast<int>(number_of(*fault, "http_status", 503));
    }
  }
  std::string name = operation.name;
  return operations_.insert_or_assign(std::move(name), std::move(operation)).first->second;
}

const Operation* OperationTable::find(const std::string& scope, const std::string& name) {
  forget_old();
  auto found = operations_.find(name);
  if (found == operations_.end()) {
    found = std::find_if(operations_.begin(), operations_.end(),
                         [&](const auto& each) { return std::to_string(each.second.id) == name; });
  }
  if (found == operations_.end()) return nullptr;
  const Operation& operation = found->second;
  return operation.lost || operation.scope != scope ? nullptr : &operation;
}

std::vector<const Operation*> OperationTable::of(const std::string& scope) {
  forget_old();
  std::vector<const Operation*> found;
  for (const auto& [name, operation] : operations_) {
    if (operation.scope == scope && !operation.lost) found.push_back(&operation);
  }
  return found;
}

void OperationTable::forget_old() {
  const double oldest = timeline_.now() - settings_.timings.operation_kept;
  while (!operations_.empty() && operations_.begin()->second.inserted < oldest) {
    operations_.erase(operations_.begin());
  }
}

}  // namespace flaskscale::emulator
