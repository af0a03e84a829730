// Random histories of load, fleet and cloud for the law's property tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/random.h"
#include "scaler/law.h"
#include "scaler/policy.h"

namespace flaskscale::scaler {

// How many histories a property is tried with: all of them in a release build.
#if defined(NDEBUG)
inline constexpr uint64_t kHistories = 10000;
#else
inline constexpr uint64_t kHistories = 1000;
#endif

// The first of the seeds; FLASKSCALE_SEED in the environment tries others.
inline uint64_t first_seed() {
  const char* wanted = std::getenv("FLASKSCALE_SEED");
  const uint64_t seed = wanted == nullptr ? 1 : std::strtoull(wanted, nullptr, 10);
  std::cout << "seeds " << seed << " to " << seed + kHistories - 1 << "\n";
  return seed;
}

inline Time history_time(double seconds) {
  return Time(std::chrono::hours(1)) + from_seconds(seconds);
}

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
    if (random.below(4) == 0) {
      const auto floors =
          Schedule::parse({{"*/7 * * * *", std::chrono::minutes(3), random.below(policy.max + 5)}},
                          [](WallTime) { return std::chrono::seconds(0); });
      if (floors) schedule = *floors;
      signals.schedule = &schedule;
    }
    if (random.below(2) == 0) signals.wall = WallTime(std::chrono::hours(400000));
    signals.settings = law_settings(policy);
    // Long pauses between samples let a short history see long windows pass.
    pace_ms = random.below(3) == 0 ? 20000 : 1600;
  }
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // The next moment of a load that jumps, stalls, queues and loses front doors now and then, and of
  // a cloud that is out of machines.
  void next() {
    if (random.below(40) == 0) rate = std::pow(10, 4 * random.unit() - 1);
    if (random.below(80) == 0) rate = 0;
    if (random.below(60) == 0) service_time = std::pow(10, 2 * random.unit() - 2);
    if (random.below(50) == 0) {
      signals.load.coverage = random.below(3) == 0 ? 0.5 * random.below(2) : 1;
    }
    change_circumstances();
    const std::chrono::milliseconds pause(200 + random.below(pace_ms));
    now += pause;
    if (signals.wall != WallTime{}) signals.wall += pause;
    count_requests(to_seconds(pause));
    boot_some();
    if (signals.ready > 0 && random.below(100) == 0) --signals.ready;
    signals.down = random.below(20) == 0 ? random.below(signals.ready + 1) : 0;
  }

  // As a fleet would do at once.
  void carry_out(const LawOutput& out) {
    signals.booted.clear();
    if (out.move == Move::out) {
      signals.boots.insert(signals.boots.end(), out.target - out.planned, now);
    }
    for (uint32_t k = out.move == Move::in ? out.planned - out.target : 0; k > 0; --k) {
      if (!signals.boots.empty()) {
        signals.boots.pop_back();
      } else if (signals.ready > 0) {
        --signals.ready;
      }
    }
  }

  Random random;
  Policy policy;
  Schedule schedule;
  LawState state;
  LawSignals signals;
  Time now = history_time(0);
  double rate = 1;
  double service_time = 0.2;
  uint32_t pace_ms = 1600;

 private:
  void change_circumstances() {
    if (random.below(60) == 0) {
      constexpr std::string_view kShortages[] = {"", "", "stockout", "quota", "configuration"};
      signals.shortage = kShortages[random.below(5)];
      signals.most = signals.shortage.empty() ? UINT32_MAX : signals.ready + random.below(10);
    }
    if (random.below(60) == 0) signals.deploying = random.below(3) == 0;
    if (random.below(60) == 0) signals.freeze = random.below(3) == 0 ? "list_failed" : "";
  }

  void count_requests(double seconds) {
    const double arrivals = std::floor(rate * seconds * 2 * random.unit());
    signals.load.arrivals += static_cast<uint64_t>(arrivals);
    const double served = std::floor(arrivals * random.unit() * 1.2);
    signals.load.dispatched += static_cast<uint64_t>(served);
    signals.load.completions += static_cast<uint64_t>(served);
    signals.load.holding_seconds += served * service_time;
    signals.load.in_flight = static_cast<uint64_t>(served * service_time / seconds);
    signals.load.in_flight_seconds += served * service_time;
    signals.load.queued = random.below(3) == 0 ? random.below(policy.queue_limit + 1) : 0;
  }

  void boot_some() {
    for (size_t i = 0; i < signals.boots.size();) {
      const bool ready = random.below(10) == 0;
      const bool failed = !ready && random.below(30) == 0;
      if (ready) {
        ++signals.ready;
        signals.booted.push_back({to_seconds(now - signals.boots[i]), i % 2 == 0 ? "a" : "b"});
      }
      if (ready || failed) {
        signals.boots.erase(signals.boots.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  }
};

}  // namespace flaskscale::scaler
