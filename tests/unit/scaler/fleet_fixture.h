// A pool's scaler over a cloud in memory, a tick per second.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "scaler/pool_scaler.h"
#include "tests/unit/scaler/fake_cloud.h"

namespace flaskscale::scaler {

inline Error error_of(ErrorCode code, Retry retry = Retry::never) {
  Error error = make_error(code, "broken");
  error.retry = retry;
  return error;
}

class RecordedEvents final : public EventSink {
 public:
  void on_event(const Event& event) override { events.push_back(event); }
  size_t count(EventKind kind, const std::string& what) const {
    return static_cast<size_t>(std::count_if(events.begin(), events.end(), [&](const Event& e) {
      return e.kind == kind && e.what == what;
    }));
  }
  std::vector<Event> events;
};

class FleetTest : public ::testing::Test {
 protected:
  FleetTest() {
    policy.min = 2;
    policy.max = 10;
    policy.slots = 4;
    policy.drain_timeout = std::chrono::seconds(30);
    policy.boot_timeout = std::chrono::seconds(40);
    policy.scale_in_window = std::chrono::seconds(15);
    policy.scale_in_interval = std::chrono::seconds(4);
    policy.boot_estimate = std::chrono::seconds(5);
    cloud.able.zones = {"a", "b"};
    cloud.able.can_stop = true;
    membership.answers = false;
    restart();
  }
  void restart() {
    scaler = std::make_unique<PoolScaler>(
        "shop", policy, PoolScalerParts{cloud, executor, membership, random, nullptr, &events});
  }
  void tick(double rate = 0) {
    const auto arrivals = static_cast<uint64_t>(rate);
    load.arrivals += arrivals;
    load.dispatched += arrivals;
    load.completions += arrivals;
    load.holding_seconds += rate * 0.2;
    load.in_flight_seconds += rate * 0.2;
    now += std::chrono::seconds(1);
    cloud.now = now;
    cloud.serve(membership);
    const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    scaler->tick(load, now, WallTime(wall));
  }
  void ticks(int count, double rate = 0) {
    for (int i = 0; i < count; ++i) tick(rate);
  }
  size_t in_state(InstanceState state) const {
    const ScalerStatus status = scaler->status(now);
    return static_cast<size_t>(std::count_if(status.instances.begin(), status.instances.end(),
                                             [&](const auto& i) { return i.state == state; }));
  }
  bool has_reason(Action action, const std::string& reason) const {
    const auto& all = scaler->decisions().entries();
    return std::any_of(all.begin(), all.end(), [&](const Decision& decision) {
      return decision.action == action && decision.reason == reason;
    });
  }
  size_t serving() const {
    return static_cast<size_t>(
        std::count_if(membership.members.begin(), membership.members.end(),
                      [](const auto& m) { return m.second.report.up && !m.second.draining; }));
  }

  Policy policy;
  FakeCloud cloud;
  FakeExecutor executor;
  FakeMembership membership;
  RecordedEvents events;
  Random random{1};
  LoadSample load;
  Time now{std::chrono::hours(1)};
  std::unique_ptr<PoolScaler> scaler;
};

}  // namespace flaskscale::scaler
