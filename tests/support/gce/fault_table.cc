#include "tests/support/gce/fault_table.h"

#include <algorithm>
#include <utility>

namespace flaskscale::emulator {

const Json* FaultHits::find(std::string_view kind) const {
  for (const auto& [own, details] : hits_) {
    if (own == kind) return &details;
  }
  return nullptr;
}

void FaultHits::add(std::string kind, Json details) {
  hits_.emplace_back(std::move(kind), std::move(details));
}

std::string FaultHits::kinds() const {
  std::string joined;
  for (const auto& [kind, details] : hits_) joined += (joined.empty() ? "" : ", ") + kind;
  return joined;
}

Result<std::string> FaultTable::add(const Json& text) {
  auto fault = Fault::parse(text, timeline_.now());
  if (!fault) return fault.error();
  fault->id = "f" + std::to_string(++last_id_);
  faults_.push_back(std::move(*fault));
  return faults_.back().id;
}

bool FaultTable::remove(std::string_view id) {
  return std::erase_if(faults_, [&](const Fault& fault) { return fault.id == id; }) > 0;
}

Json FaultTable::to_json() const {
  Json list = Json::array();
  for (const Fault& fault : faults_) {
    Json written = fault.details;
    written["id"] = fault.id;
    written["matched"] = fault.matched;
    written["hits"] = fault.hits;
    list.push_back(std::move(written));
  }
  return list;
}

FaultHits FaultTable::meet(const FaultProbe& probe) {
  FaultHits met;
  for (Fault& fault : faults_) {
    if (!fault.fits(probe, timeline_.now())) continue;
    ++fault.matched;
    const bool counted = fault.nth.empty() || std::find(fault.nth.begin(), fault.nth.end(),
                                                        fault.matched) != fault.nth.end();
    if (!counted || fault.matched > fault.first) continue;
    if (fault.probability < 1 && !chance_.happens(fault.probability)) continue;
    ++fault.hits;
    met.add(fault.kind, fault.details);
  }
  return met;
}

}  // namespace flaskscale::emulator
