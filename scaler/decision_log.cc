#include "scaler/decision_log.h"

namespace flaskscale::scaler {
namespace {

bool is_repeat(const Decision& before, const DecisionLog::Key& after) {
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

bool DecisionLog::repeat(const Key& key, Time at) {
  if (entries_.empty() || !is_repeat(entries_.back(), key)) return false;
  Decision& last = entries_.back();
  last.last_at = at;
  ++last.repeats;
  ++*last_count_;
  return true;
}

const Decision& DecisionLog::record(Decision decision) {
  const Key key = {decision.action, decision.reason, decision.target, decision.planned,
                   decision.need};
  if (repeat(key, decision.at)) {
    refresh_last(std::move(decision));
    return entries_.back();
  }
  last_count_ = &counts_[{decision.action, decision.reason}];
  ++*last_count_;
  decision.last_at = decision.at;
  decision.number = next_number_++;
  entries_.push_back(std::move(decision));
  if (entries_.size() > kKept) entries_.pop_front();
  return entries_.back();
}

void DecisionLog::refresh_last(Decision seen) {
  Decision& last = entries_.back();
  last.inputs = std::move(seen.inputs);
  last.formula = std::move(seen.formula);
  last.sentence = std::move(seen.sentence);
}

}  // namespace flaskscale::scaler
