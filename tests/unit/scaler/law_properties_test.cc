// Properties of the law over random histories of load and fleet. The numbers are those of the
// invariants in the law's description.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "scaler/law.h"
#include "scaler/policy.h"
#include "tests/unit/scaler/law_history.h"

namespace flaskscale::scaler {
namespace {

constexpr int kSteps = 60;  // of a history

// Calls check(history, steps so far) for each history, until something fails.
template <typename Check>
void for_each_history(Check check) {
  const uint64_t first = first_seed();
  for (uint64_t seed = first; seed < first + kHistories; ++seed) {
    History history(seed);
    check(history);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "in the history of seed " << seed;
      return;
    }
  }
}

// What need would have been with other signals.
template <typename Change>
uint32_t need_with(const LawState& before, const History& h, Change change) {
  LawState state = before;
  LawSignals signals = h.signals;
  change(signals);
  return step(state, signals, h.now).need;
}

// 1, 16, 17, 18
void expect_sound(const History& h, const LawOutput& out) {
  const LawSettings& settings = h.signals.settings;
  ASSERT_GE(out.target, settings.min);
  ASSERT_LE(out.target, settings.max);
  ASSERT_GE(out.need, settings.min);
  ASSERT_LE(out.need, settings.max);
  ASSERT_FALSE(out.reason.empty());
  ASSERT_TRUE(std::isfinite(out.slots) && std::isfinite(out.backlog));
  ASSERT_LE(out.backlog, h.state.load.fast_rate() * settings.queue_timeout + 1e-6);
  const double work = out.arrival_rate * out.service_time;
  const double bound =
      (work + work * settings.queue_timeout / settings.drain_target) / settings.slots_per_instance +
      1;
  ASSERT_LE(out.backlog_need, bound + 1e-6);
  if (out.move == Move::out) {
    ASSERT_GT(out.target, out.planned);
    ASSERT_LE(out.target, std::max(h.signals.most, settings.min));
    ASSERT_LE(out.target, std::max(out.need, settings.min));
  }
  if (h.signals.load.queued > 0) {
    ASSERT_GE(out.need, 1U);
    if (out.planned == 0 && h.signals.most > 0) {
      ASSERT_GE(out.target, 1U);
    }
  }
}

TEST(LawProperties, TargetsStayWithinTheirBoundsAndTheBacklogWithinItsOwn) {
  for_each_history([](History& h) {
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      h.next();
      const LawOutput out = step(h.state, h.signals, h.now);
      expect_sound(h, out);
      h.carry_out(out);
    }
  });
}

// 5, 6
struct ScaleInWatch {
  std::deque<std::pair<Time, uint32_t>> needs;  // what the load itself needed
  std::optional<Time> last_in;

  void note(const History& h, const LawOutput& out) {
    const LawSettings& settings = h.signals.settings;
    const double slots =
        slots_for(out.arrival_rate * out.service_time, out.forecast.headroom, settings.beta);
    needs.emplace_back(h.now, out.idle ? 0 : whole_instances(slots / settings.slots_per_instance));
  }

  void expect_sound(const History& h, const LawOutput& out) {
    if (out.move != Move::in || out.reason == "above_max") return;
    const LawSettings& settings = h.signals.settings;
    ASSERT_EQ(h.signals.load.queued, 0U);
    ASSERT_GE(h.signals.load.coverage, 1);
    ASSERT_TRUE(h.signals.shortage.empty() && h.signals.freeze.empty() && !h.signals.deploying);
    ASSERT_LE(out.planned - out.target, std::max(1.0, 0.2 * out.planned));
    ASSERT_GE(out.target, out.need);
    if (last_in) {
      ASSERT_GE(h.now - *last_in, h.policy.scale_in_interval);
    }
    last_in = h.now;
    if (out.reason == "idle") return;
    const double least = std::min(out.boot_seconds, settings.keep_window);
    for (const auto& [when, need] : needs) {
      if (to_seconds(h.now - when) < least) {
        ASSERT_GE(out.target, std::min(need, settings.max));
      }
    }
  }
};

TEST(LawProperties, NothingIsTakenAwayThatMayBeNeeded) {
  for_each_history([](History& h) {
    ScaleInWatch watch;
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      h.next();
      const LawOutput out = step(h.state, h.signals, h.now);
      watch.note(h, out);
      watch.expect_sound(h, out);
      h.carry_out(out);
    }
  });
}

// 2: the size that there is has no say in what the flow needs, and none in the target beyond the
// limits of growth and shrinking.
TEST(LawProperties, NeedDoesNotFollowTheSize) {
  for_each_history([](History& h) {
    for (int i = 0; i < kSteps / 3 && !testing::Test::HasFailure(); ++i) {
      h.next();
      const LawState before = h.state;
      const LawOutput out = step(h.state, h.signals, h.now);
      LawState state = before;
      LawSignals signals = h.signals;
      signals.ready = h.random.below(2 * h.policy.max);
      signals.down = 0;
      const LawOutput other = step(state, signals, h.now);
      ASSERT_EQ(other.flow_need, out.flow_need);
      ASSERT_EQ(other.schedule_floor, out.schedule_floor);
      if (other.backlog_need == out.backlog_need) {
        ASSERT_EQ(other.need, out.need);
      }
      if (other.move == Move::out && other.target < other.need) {
        ASSERT_TRUE(other.target == other.growth_limit || other.target == signals.most ||
                    other.target == signals.settings.min || other.futile);
      }
      h.carry_out(out);
    }
  });
}

// 3, on the formulas
TEST(LawProperties, FormulasAreMonotone) {
  Random random(first_seed());
  for (uint64_t i = 0; i < 10 * kHistories; ++i) {
    LawSettings settings;
    settings.slots_per_instance = 1 + random.below(20);
    settings.queue_capacity = random.below(20000);
    settings.drain_target = 1 + random.below(20);
    const double rate = std::pow(10, 5 * random.unit() - 1);
    BacklogInputs in{std::pow(10, 5 * random.unit()) - 1,
                     rate,
                     rate,
                     rate * 2 * random.unit(),
                     random.unit() + 0.001,
                     static_cast<double>(random.below(100)),
                     {},
                     5.0 + random.below(100)};
    const std::vector<double> boots(random.below(20), random.unit() * 100);
    in.boots_ready_in = boots;
    const uint32_t need = project_backlog(in, settings).need;
    const auto with = [&](auto change) {
      BacklogInputs other = in;
      change(other);
      return project_backlog(other, settings).need;
    };
    ASSERT_GE(with([](BacklogInputs& b) { b.queued *= 1.5; }), need);
    ASSERT_GE(with([](BacklogInputs& b) {
                b.fast_rate *= 1.5;
                b.arrival_rate *= 1.5;
                b.rate_then *= 1.5;
              }),
              need);
    ASSERT_GE(with([](BacklogInputs& b) { b.service_time *= 1.5; }), need);
    ASSERT_LE(with([](BacklogInputs& b) { b.ready += 1; }), need);
    const std::span<const double> fewer = in.boots_ready_in.subspan(0, boots.size() / 2);
    ASSERT_GE(with([&](BacklogInputs& b) { b.boots_ready_in = fewer; }), need);
    const double load = rate * in.service_time;
    ASSERT_GE(slots_for(load * 1.1, 1.2, 2), slots_for(load, 1.2, 2));
    ASSERT_GE(slots_for(load, 1.3, 2), slots_for(load, 1.2, 2));
  }
}

// 3, 4, 8, on the law as a whole
TEST(LawProperties, NeedGrowsWithTheQueueAndNotWithBootsOrSilence) {
  for_each_history([](History& h) {
    for (int i = 0; i < kSteps / 6 && !testing::Test::HasFailure(); ++i) {
      for (int k = 0; k < 4; ++k) {
        h.next();
        h.carry_out(step(h.state, h.signals, h.now));
      }
      h.next();
      h.signals.load.coverage = 1;
      const LawState before = h.state;
      const LawOutput out = step(h.state, h.signals, h.now);
      // Only where a request waits already: the first to wait ends the lift of the service time by
      // requests that have not ended.
      if (h.signals.load.queued > 0) {
        ASSERT_GE(need_with(before, h, [](LawSignals& s) { s.load.queued += 100; }), out.need);
      }
      ASSERT_LE(need_with(before, h, [&](LawSignals& s) { s.boots.push_back(h.now); }), out.need);
      ASSERT_GE(need_with(before, h, [](LawSignals& s) { s.load.coverage = 0; }),
                std::clamp(before.need, h.signals.settings.min, h.signals.settings.max));
      ASSERT_GE(need_with(before, h, [](LawSignals& s) { s.load.coverage = 0.5; }),
                std::clamp(before.need, h.signals.settings.min, h.signals.settings.max));
      h.carry_out(out);
    }
  });
}

// 15
TEST(LawProperties, AJumpOfTheClockDecidesNothing) {
  for_each_history([](History& h) {
    for (int i = 0; i < kSteps / 3; ++i) {
      h.next();
      h.carry_out(step(h.state, h.signals, h.now));
    }
    h.next();
    h.signals.load.coverage = 1;
    h.carry_out(step(h.state, h.signals, h.now));
    const uint32_t need = h.state.need;
    h.now += std::chrono::minutes(h.random.below(2) == 0 ? -5 : 11);
    const Time jumped = h.now;
    ASSERT_GE(step(h.state, h.signals, h.now).need, need);
    for (int i = 0; i < kSteps / 3; ++i) {
      h.next();
      const LawOutput out = step(h.state, h.signals, h.now);
      if (h.now - jumped < h.policy.scale_in_window && out.reason != "above_max") {
        ASSERT_NE(out.move, Move::in);
      }
      h.carry_out(out);
    }
  });
}

// 7: after twenty minutes of the same Poisson load, at most two changes an hour. Chance may exceed
// it now and then: of a hundred pools at most one does.
TEST(LawProperties, AConstantLoadIsServedByAConstantSize) {
  const uint64_t first = first_seed();
  uint64_t restless = 0;
  for (uint64_t seed = first; seed < first + kHistories; ++seed) {
    Random random(seed);
    Policy policy;
    policy.max = 100;
    policy.slots = 1 + random.below(20);
    LawSignals signals;
    signals.settings = law_settings(policy);
    LawState state;
    const double rate = std::pow(10, 2.5 * random.unit()) * policy.slots;
    const double service_time = 0.05 + 0.3 * random.unit();
    const double boot = 20.0 + random.below(60);
    int changes = 0;
    constexpr double kPace = 5;
    for (double t = 0; t < 4800; t += kPace) {
      // The sum of twelve uniforms is normal enough, and Poisson is, at such rates.
      double noise = -6;
      for (int k = 0; k < 12; ++k) noise += random.unit();
      const double mean = rate * kPace;
      const auto n =
          static_cast<uint64_t>(std::max(0.0, std::round(mean + noise * std::sqrt(mean))));
      signals.load.arrivals += n;
      signals.load.dispatched += n;
      signals.load.completions += n;
      signals.load.holding_seconds += static_cast<double>(n) * service_time;
      signals.load.in_flight_seconds += static_cast<double>(n) * service_time;
      const Time now = history_time(t);
      signals.booted.clear();
      std::erase_if(signals.boots, [&](Time created) {
        if (to_seconds(now - created) < boot) return false;
        ++signals.ready;
        signals.booted.push_back({boot, {}});
        return true;
      });
      const LawOutput out = step(state, signals, now);
      if (out.move != Move::stay && t > 1200) ++changes;
      if (out.move == Move::out) {
        signals.boots.insert(signals.boots.end(), out.target - out.planned, now);
      }
      for (uint32_t k = out.move == Move::in ? out.planned - out.target : 0; k > 0; --k) {
        if (signals.boots.empty()) {
          --signals.ready;
        } else {
          signals.boots.pop_back();
        }
      }
    }
    if (changes > 2) ++restless;
  }
  std::cout << restless << " pools changed more than twice\n";
  EXPECT_LE(static_cast<double>(restless), 0.1 * static_cast<double>(kHistories));
}

// 16
TEST(LawProperties, ExtremeInputsGiveFiniteNeeds) {
  for (const double extreme : {0.0, 5e-324, 1e-9, 1e9, 1e300, -1.0, HUGE_VAL, std::nan("")}) {
    LawState state;
    LawSignals signals;
    signals.settings = law_settings(Policy{});
    signals.wall = WallTime(std::chrono::hours(400000));
    for (int i = 0; i < 300; ++i) {
      signals.load.arrivals += 1000000000;
      signals.load.dispatched += 1000000000;
      signals.load.completions += 1000000000;
      signals.load.holding_seconds += extreme;
      signals.load.in_flight_seconds += extreme;
      signals.load.queued = 1000000000;
      signals.load.coverage = i % 7 == 0 ? extreme : 1;
      signals.booted = {{extreme, "kind"}};
      const LawOutput out = step(state, signals, history_time(i));
      ASSERT_GE(out.need, 1U);
      ASSERT_LE(out.need, 20U);
      ASSERT_TRUE(std::isfinite(out.offered_load)) << extreme;
      ASSERT_TRUE(std::isfinite(out.forecast.rate) && std::isfinite(out.boot_seconds)) << extreme;
    }
  }
}

}  // namespace
}  // namespace flaskscale::scaler
