// Properties of the law over random histories of load and fleet.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/random.h"
#include "scaler/law.h"
#include "scaler/policy.h"

namespace flaskscale::scaler {
namespace {

constexpr Time kStart{std::chrono::hours(1)};

Time at(double seconds) { return kStart + from_seconds(seconds); }

struct History {
  explicit History(uint64_t seed) : random(seed) {
    policy.min = random.below(4);
    policy.max = policy.min + 1 + random.below(30);
    policy.slots = 1 + random.below(20);
    policy.availability = 0.9 + 0.09 * random.unit();
    policy.scale_in_window = std::chrono::seconds(5 + random.below(300));
    policy.scale_in_interval = std::chrono::seconds(1 + random.below(60));
    policy.idle_to_zero = std::chrono::seconds(10 + random.below(300));
    policy.queue_timeout = std::chrono::seconds(1 + random.below(60));
    policy.queue_limit = random.below(5000);
    policy.boot_estimate = std::chrono::seconds(1 + random.below(100));
    signals.settings = law_settings(policy);
  }

  // The next second of a load that jumps, stalls, queues and loses front doors now and then.
  void next() {
    if (random.below(40) == 0) rate = std::pow(10, 4 * random.unit() - 1);
    if (random.below(80) == 0) rate = 0;
    if (random.below(60) == 0) service_time = std::pow(10, 2 * random.unit() - 2);
    if (random.below(50) == 0)
      signals.load.coverage = random.below(3) == 0 ? 0.5 * random.below(2) : 1;
    const double arrivals = std::floor(rate * 2 * random.unit());
    signals.load.arrivals += static_cast<uint64_t>(arrivals);
    const double served = std::floor(arrivals * random.unit() * 1.2);
    signals.load.dispatched += static_cast<uint64_t>(served);
    signals.load.completions += static_cast<uint64_t>(served);
    signals.load.holding_seconds += served * service_time;
    signals.load.in_flight = static_cast<uint64_t>(served * service_time);
    signals.load.in_flight_seconds += served * service_time;
    signals.load.queued = random.below(3) == 0 ? random.below(policy.queue_limit + 1) : 0;
    for (size_t i = 0; i < signals.boots.size();) {
      const bool ready = random.below(10) == 0;
      const bool failed = !ready && random.below(30) == 0;
      if (ready) {
        ++signals.ready;
        signals.booted.push_back(to_seconds(now - signals.boots[i]));
      }
      if (ready || failed) {
        signals.boots.erase(signals.boots.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    if (signals.ready > 0 && random.below(100) == 0) --signals.ready;
    now += std::chrono::milliseconds(200 + random.below(1600));
  }

  void carry_out(const LawOutput& out) {
    signals.booted.clear();
    if (out.move == Move::out)
      signals.boots.insert(signals.boots.end(), out.target - out.planned, now);
    if (out.move == Move::in) {
      for (uint32_t k = out.planned - out.target; k > 0; --k) {
        if (!signals.boots.empty()) {
          signals.boots.pop_back();
        } else if (signals.ready > 0) {
          --signals.ready;
        }
      }
    }
  }

  Random random;
  Policy policy;
  LawState state;
  LawSignals signals;
  Time now = kStart;
  double rate = 1;
  double service_time = 0.2;
};

void expect_sound(const History& h, const LawOutput& out) {
  EXPECT_GE(out.target, h.signals.settings.min);
  EXPECT_LE(out.target, h.signals.settings.max);
  EXPECT_GE(out.need, h.signals.settings.min);
  EXPECT_LE(out.need, h.signals.settings.max);
  EXPECT_FALSE(out.reason.empty());
  EXPECT_TRUE(std::isfinite(out.slots) && std::isfinite(out.backlog));
  EXPECT_LE(out.backlog, h.state.load.fast_rate() * h.signals.settings.queue_timeout + 1e-6);
  const double work = out.arrival_rate * out.service_time;
  const double bound =
      (work + work * h.signals.settings.queue_timeout / h.signals.settings.drain_target) /
          h.signals.settings.slots_per_instance +
      1;
  EXPECT_LE(out.backlog_need, bound + 1e-6);
  if (out.move == Move::out) {
    EXPECT_GT(out.target, out.planned);
  }
}

void expect_sound_scale_in(const History& h, const LawOutput& out,
                           const std::deque<std::pair<Time, double>>& slots) {
  if (out.move != Move::in || out.reason == "above_max") return;
  EXPECT_EQ(h.signals.load.queued, 0U);
  EXPECT_GE(h.signals.load.coverage, 1);
  EXPECT_LE(out.planned - out.target, std::max(1.0, 0.2 * out.planned));
  if (out.reason == "idle") return;
  double most = 0;
  for (const auto& [when, value] : slots) {
    if (h.now - when <= h.policy.scale_in_window) most = std::max(most, value);
  }
  const uint32_t flow = whole_instances(most / h.signals.settings.slots_per_instance);
  EXPECT_GE(out.target, std::min(flow, h.signals.settings.max));
}

TEST(LawProperties, HoldOverRandomHistories) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History h(seed);
    std::deque<std::pair<Time, double>> slots;
    std::optional<Time> last_in;
    for (int i = 0; i < 400; ++i) {
      h.next();
      const LawOutput out = step(h.state, h.signals, h.now);
      slots.emplace_back(h.now, out.slots);
      expect_sound(h, out);
      expect_sound_scale_in(h, out, slots);
      if (out.move == Move::in && out.reason != "above_max") {
        if (last_in) {
          EXPECT_GE(h.now - *last_in, h.policy.scale_in_interval);
        }
        last_in = h.now;
      }
      if (h.signals.load.queued > 0) {
        EXPECT_GE(out.need, 1U);
      }
      h.carry_out(out);
      if (HasFailure()) return;
    }
  }
}

TEST(LawProperties, NeedIsMonotone) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History h(seed);
    for (int i = 0; i < 60; ++i) {
      h.next();
      h.signals.load.coverage = 1;
      const LawState before = h.state;
      const LawOutput out = step(h.state, h.signals, h.now);
      const auto need_with = [&](auto change) {
        LawState state = before;
        LawSignals signals = h.signals;
        change(signals);
        return step(state, signals, h.now).need;
      };
      EXPECT_GE(need_with([](LawSignals& s) { s.load.arrivals += 100; }), out.need);
      EXPECT_LE(need_with([&](LawSignals& s) { s.boots.push_back(h.now); }), out.need);
      // A waiting request more: the in-flight floor goes, so only compare where one waits already.
      if (h.signals.load.queued > 0) {
        EXPECT_GE(need_with([](LawSignals& s) { s.load.queued += 100; }), out.need);
      }
      EXPECT_GE(need_with([](LawSignals& s) { s.load.coverage = 0; }), before.need);
      h.carry_out(out);
      if (HasFailure()) return;
    }
  }
}

TEST(LawProperties, ReplayGivesTheSameDecisions) {
  History a(7);
  History b(7);
  for (int i = 0; i < 1000; ++i) {
    a.next();
    b.next();
    const LawOutput x = step(a.state, a.signals, a.now);
    const LawOutput y = step(b.state, b.signals, b.now);
    ASSERT_EQ(x.target, y.target);
    ASSERT_EQ(x.reason, y.reason);
    a.carry_out(x);
    b.carry_out(y);
  }
}

TEST(LawProperties, ExtremeInputsGiveFiniteNeeds) {
  for (const double extreme : {0.0, 5e-324, 1e-9, 1e9, 1e300, -1.0, HUGE_VAL, std::nan("")}) {
    LawState state;
    LawSignals signals;
    signals.settings = law_settings(Policy{});
    for (int i = 0; i < 50; ++i) {
      signals.load.arrivals += 1000000000;
      signals.load.dispatched += 1000000000;
      signals.load.completions += 1000000000;
      signals.load.holding_seconds += extreme;
      signals.load.in_flight_seconds += extreme;
      signals.load.queued = 1000000000;
      signals.load.coverage = i % 7 == 0 ? extreme : 1;
      const LawOutput out = step(state, signals, at(i));
      ASSERT_GE(out.need, 1U);
      ASSERT_LE(out.need, 20U);
      ASSERT_TRUE(std::isfinite(out.offered_load)) << extreme;
    }
  }
}

}  // namespace
}  // namespace flaskscale::scaler
