#include "scaler/futility.h"

#include <algorithm>

namespace flaskscale::scaler {
namespace {

constexpr Duration kSightEvery = std::chrono::seconds(10);
constexpr Duration kBreak = std::chrono::seconds(10);
constexpr Duration kMemory = std::chrono::minutes(10);
constexpr Duration kSettled = std::chrono::seconds(30);  // a mean is of the time it waited for
constexpr Duration kProbeEvery = std::chrono::minutes(5);
constexpr double kMoreInstances = 1.3;
constexpr double kMoreAnswers = 1.05;
constexpr double kLonger = 1.3;

}  // namespace

void FutilityBrake::update(const FutilityInputs& inputs, Time now) {
  if (waiting_since_ && (now < waited_at_ || now - waited_at_ > kBreak)) interrupt();
  if (!(inputs.queued > 0)) return;
  if (!waiting_since_) waiting_since_ = now;
  waited_at_ = now;
  if (now - *waiting_since_ < kSettled) return;
  if (most_) {
    if (inputs.completion_rate >= kMoreAnswers * answered_) {
      most_.reset();
      sights_.clear();
    } else if (now >= probe_at_) {
      most_ = std::max(*most_, inputs.planned) + 1;
      probe_at_ = now + kProbeEvery;
    }
    return;
  }
  if (sights_.empty() || now - sights_.back().at >= kSightEvery) look(inputs, now);
}

void FutilityBrake::look(const FutilityInputs& inputs, Time now) {
  while (!sights_.empty() &&
         (now - sights_.front().at > kMemory || sights_.size() >= kMostSights)) {
    sights_.pop_front();
  }
  for (const Sight& then : sights_) {
    if (then.ready > 0 && inputs.ready >= kMoreInstances * then.ready &&
        inputs.completion_rate < kMoreAnswers * then.completion_rate &&
        inputs.mean_holding_time >= kLonger * then.mean_holding_time &&
        then.mean_holding_time > 0) {
      most_ = inputs.planned;
      probe_at_ = now + kProbeEvery;
      answered_ = inputs.completion_rate;
      break;
    }
  }
  sights_.push_back({now, inputs.ready, inputs.completion_rate, inputs.mean_holding_time});
}

void FutilityBrake::interrupt() {
  sights_.clear();
  waiting_since_.reset();
  most_.reset();
}

}  // namespace flaskscale::scaler
