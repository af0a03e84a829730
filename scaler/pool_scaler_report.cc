// The part of a pool's scaler that tells others: events, alarms, status.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "scaler/pool_scaler.h"

namespace flaskscale::scaler {
namespace {

constexpr uint32_t kBootFailuresFrom = 3;
constexpr Duration kListFailedAfter = std::chrono::seconds(10);  // one failure is nothing yet

}  // namespace

// Each move, and a hold when its reason changes.
void PoolScaler::emit_decision(const Decision& decision) {
  if (events_ == nullptr) return;
  const bool moves = decision.action != Action::hold && decision.action != Action::observe;
  const bool as_before =
      last_event_.first == decision.action && last_event_.second == decision.reason;
  if (!moves && as_before) return;
  last_event_ = {decision.action, decision.reason};
  Event event;
  event.kind = EventKind::decision;
  event.at = wall_;
  event.pool = name_;
  event.what = to_string(decision.action);
  event.reason = decision.reason;
  event.text = decision.sentence;
  event.numbers = {{"target", decision.target},
                   {"planned", decision.planned},
                   {"need", decision.need},
                   {"offered_load", last_output_.offered_load},
                   {"arrival_rate", last_output_.arrival_rate}};
  events_->on_event(event);
}

void PoolScaler::emit_changes() {
  for (StateChange& change : fleet_.take_changes()) {
    if (events_ == nullptr) continue;
    Event event;
    event.kind = EventKind::instance;
    event.at = wall_;
    event.pool = name_;
    event.what = to_string(change.state);
    event.reason = std::move(change.reason);
    event.text = fmt::format("Instance {} is {}{}{}.", change.name, to_string(change.state),
                             change.detail.empty() ? "" : ": ", change.detail);
    event.instance = std::move(change.name);
    events_->on_event(event);
  }
}

void PoolScaler::set_alarm(Alarm alarm, bool on, std::string_view text) {
  if (!alarms_.set(alarm, on)) return;
  if (on) {
    spdlog::warn("pool {}: alarm {}: {}", name_, to_string(alarm), text);
  } else {
    spdlog::info("pool {}: alarm {} is over", name_, to_string(alarm));
  }
  if (events_ == nullptr) return;
  Event event;
  event.kind = on ? EventKind::alarm : EventKind::alarm_end;
  event.at = wall_;
  event.pool = name_;
  event.what = to_string(alarm);
  event.text = on ? std::string(text) : fmt::format("The alarm {} is over.", event.what);
  events_->on_event(event);
}

// A row of failures is nobody's concern once nothing new is wanted: nothing could end it then.
bool PoolScaler::boots_fail() const {
  if (fleet_.failures_in_a_row() < kBootFailuresFrom) return false;
  const FleetView& view = fleet_.view();
  return !view.boots.empty() || fleet_.is_rolling() || last_output_.target > view.ready;
}

void PoolScaler::watch_alarms() {
  const Obstacle shortage = fleet_.shortage();
  set_alarm(Alarm::stockout, shortage == Obstacle::capacity,
            "No zone has a free machine; it is asked again by and by.");
  set_alarm(Alarm::quota, shortage == Obstacle::quota,
            "The account's quota is used up: ask the provider for more, or lower the maximum.");
  set_alarm(Alarm::configuration, shortage == Obstacle::configuration,
            "The provider refuses to make instances: a permission, an image or a group is wrong.");
  set_alarm(Alarm::boot_failures, boots_fail(),
            "New instances don't start to serve; one is tried at a time.");
  set_alarm(
      Alarm::futile, last_output_.futile && !shutting_down_,
      "More instances did not answer more requests: something behind them is the bottleneck.");
  if (fleet_.list_is_fresh()) {
    list_failed_since_.reset();
  } else if (!list_failed_since_) {
    list_failed_since_ = now_;
  }
  set_alarm(
      Alarm::list_failed, list_failed_since_ && now_ - *list_failed_since_ >= kListFailedAfter,
      fmt::format("The provider's list of instances can't be read, nothing is taken away: {}.",
                  fleet_.list_error()));
  set_alarm(Alarm::journal, !fleet_.journal_error().empty(),
            "The journal can't be written: nothing is created or deleted, serving goes on.");
}

ScalerStatus PoolScaler::status(Time now) const {
  const LawSettings& settings = signals_.settings;
  ScalerStatus status;
  status.mode = policy_.mode;
  status.min = settings.min;
  status.max = settings.max;
  const Decision* last = log_.last();
  status.desired = last == nullptr ? 0 : last->target;
  status.planned = last == nullptr ? 0 : last->planned;
  status.need = last_output_.need;
  status.offered_load = last_output_.offered_load;
  status.arrival_rate = last_output_.arrival_rate;
  status.service_time_seconds = last_output_.service_time;
  status.boot_seconds_q90 = law_.boots.q90(settings.boot_estimate);
  status.boot_seconds_median = law_.boots.median(settings.boot_estimate);
  status.instance_seconds = fleet_.instance_seconds(now);
  for (const auto& [name, instance] : fleet_.instances()) {
    InstanceStatus shown;
    shown.name = name;
    shown.id = instance.id;
    shown.address = instance.address;
    shown.state = instance.state;
    shown.age_seconds = std::max(0.0, to_seconds(now - instance.created_at));
    shown.in_flight = instance.in_flight;
    shown.failure = instance.failure;
    shown.zone = instance.zone;
    shown.version = instance.version;
    shown.outdated = instance.outdated;
    status.instances.push_back(std::move(shown));
  }
  status.forecast = to_string(last_output_.forecast.by);
  status.alarms = alarms_.active();
  status.last_error = fleet_.last_error();
  return status;
}

}  // namespace flaskscale::scaler
