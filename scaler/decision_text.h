// A decision in numbers and in words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scaler/decision.h"
#include "scaler/law.h"

namespace flaskscale::scaler {

// What the law saw, by fixed names; finite values.
std::vector<std::pair<std::string, double>> decision_inputs(const LawOutput& out,
                                                            const LawSignals& signals);

// "flow ceil(max(2.40*1.25, 2.40+2*sqrt(2.40))/4)=2 (F 12.0/s by trend); backlog …; schedule 5;
// need clamp(…)=5; keep 5".
std::string decision_formula(const LawOutput& out, const LawSettings& settings);

// What was done about it.
struct Done {
  uint32_t created = 0;
  uint32_t started = 0;  // from standby
  uint32_t undrained = 0;
  uint32_t drained = 0;
  uint32_t held_back = 0;
  std::string loss;  // replacements: which instance was lost and why
};
// Plain words for whoever runs the pool. The reasons are those of law.h, of fleet_reports.h and
// rollout, boot_backoff, no_candidate.
std::string decision_sentence(Action action, std::string_view reason, const LawOutput& out,
                              const Done& done);

}  // namespace flaskscale::scaler
