#include "scaler/decision_log.h"

namespace flaskscale::scaler {
namespace {

bool is_repeat(const Decision& before, const Decision& after) {
  const bool changes_nothing = after.action == Action::hold || after.action == Action::observe;
  return changes_nothing && before.action == after.action && before.reason == after.reason &&
         before.target == after.target && before.planned == after.planned &&
         before.need == after.need;
}

}  // namespace

std::string_view to_string(Action action) {
  switch (action) {
    case Action::scale_out:
      return "scale_out";
    case Action::scale_in:
      return "scale_in";
    case Action::undrain:
      return "undrain";
    case Action::replace:
      return "replace";
    case Action::hold:
      return "hold";
    case Action::observe:
      return "observe";
  }
  return "unknown";
}

const Decision& DecisionLog::record(Decision decision) {
  ++counts_[{decision.action, decision.reason}];
  decision.last_at = decision.at;
  if (!entries_.empty() && is_repeat(entries_.back(), decision)) {
    Decision& last = entries_.back();
    decision.number = last.number;
    decision.at = last.at;
    decision.repeats = last.repeats + 1;
    last = std::move(decision);
    return last;
  }
  decision.number = next_number_++;
  entries_.push_back(std::move(decision));
  if (entries_.size() > kKept) entries_.pop_front();
  return entries_.back();
}

}  // namespace flaskscale::scaler
