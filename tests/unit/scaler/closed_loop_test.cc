// The whole scaler against a small model of a pool: clients, one queue, instances that take time to
// boot.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "scaler/pool_scaler.h"
#include "tests/unit/scaler/fakes.h"

namespace flaskscale::scaler {
namespace {

// Work moves in steps of 20 ms: requests arrive evenly, wait first come first served, hold a slot
// for a fixed time.
class Plant {
 public:
  explicit Plant(const Policy& policy)
      : policy_(policy),
        scaler_("demo", policy, {provider, executor, membership, random_, nullptr, nullptr}) {
    membership.answers = false;
  }

  void second(double rate, double service_time, double boot_seconds) {
    constexpr int kSteps = 50;
    for (int i = 0; i < kSteps; ++i) {
      now_ += std::chrono::milliseconds(1000 / kSteps);
      arrive(rate / kSteps);
      serve(service_time, 1.0 / kSteps);
    }
    boot(boot_seconds);
    spread();
    scaler_.tick(load, now_, WallTime{});
    sizes.push_back(scaler_.status(now_).desired);
  }

  size_t ready() const {
    return static_cast<size_t>(std::count_if(
        membership.members.begin(), membership.members.end(),
        [](const auto& m) { return m.second.report.admitted && !m.second.draining; }));
  }

  FakeProvider provider;
  FakeExecutor executor;
  FakeMembership membership;
  LoadSample load;
  std::vector<uint32_t> sizes;
  double longest_wait = 0;
  uint64_t timed_out = 0;

 private:
  void arrive(double requests) {
    carry_ += requests;
    for (; carry_ >= 1; --carry_) {
      ++load.arrivals;
      queue_.push_back(now_);
    }
  }
  void serve(double service_time, double step) {
    while (!running_.empty() && running_.front().second <= now_) {
      ++load.completions;
      load.holding_seconds += to_seconds(running_.front().second - running_.front().first);
      running_.pop_front();
    }
    while (!queue_.empty() && running_.size() < ready() * policy_.slots) {
      longest_wait = std::max(longest_wait, to_seconds(now_ - queue_.front()));
      queue_.pop_front();
      running_.emplace_back(now_, now_ + from_seconds(service_time));
      ++load.dispatched;
    }
    while (!queue_.empty() && now_ - queue_.front() > policy_.queue_timeout) {
      queue_.pop_front();
      ++timed_out;
    }
    load.in_flight = running_.size();
    load.in_flight_seconds += static_cast<double>(running_.size()) * step;
    load.queued = queue_.size();
  }
  void boot(double boot_seconds) {
    for (auto& [address, member] : membership.members) {
      const auto born = born_.try_emplace(address, now_).first->second;
      if (to_seconds(now_ - born) >= boot_seconds) membership.answer(address);
    }
  }
  void spread() {
    const size_t serving = std::max<size_t>(1, membership.members.size());
    for (auto& [address, member] : membership.members) {
      member.report.in_flight = static_cast<uint32_t>(running_.size() / serving);
    }
  }

  Policy policy_;
  Random random_{3};
  PoolScaler scaler_;
  Time now_{std::chrono::hours(1)};
  double carry_ = 0;
  std::deque<Time> queue_;
  std::deque<std::pair<Time, Time>> running_;
  std::map<std::string, Time> born_;
};

// Times the direction of the size changes.
int reversals(const std::vector<uint32_t>& sizes) {
  int turned = 0;
  int direction = 0;
  for (size_t i = 1; i < sizes.size(); ++i) {
    const int step = sizes[i] > sizes[i - 1] ? 1 : sizes[i] < sizes[i - 1] ? -1 : 0;
    if (step != 0 && direction != 0 && step != direction) ++turned;
    if (step != 0) direction = step;
  }
  return turned;
}

Policy demo_policy() {
  Policy policy;
  policy.min = 1;
  policy.max = 8;
  policy.slots = 4;
  policy.scale_in_window = std::chrono::seconds(15);
  policy.scale_in_interval = std::chrono::seconds(4);
  policy.boot_estimate = std::chrono::seconds(3);
  return policy;
}

TEST(ClosedLoop, FollowsATenfoldWaveOutAndInWithoutOscillation) {
  Plant plant(demo_policy());
  for (int i = 0; i < 20; ++i) plant.second(6, 0.2, 2);
  EXPECT_EQ(plant.ready(), 1U);
  plant.longest_wait = 0;

  for (int i = 0; i < 15; ++i) plant.second(6 + 54.0 * i / 15, 0.2, 2);
  for (int i = 0; i < 25; ++i) plant.second(60, 0.2, 2);
  EXPECT_GE(plant.ready(), 4U);
  EXPECT_LE(plant.ready(), 8U);
  for (int i = 0; i < 10; ++i) plant.second(60 - 54.0 * i / 10, 0.2, 2);
  for (int i = 0; i < 120; ++i) plant.second(6, 0.2, 2);

  EXPECT_EQ(plant.ready(), 1U);
  EXPECT_EQ(plant.timed_out, 0U);
  EXPECT_LE(plant.longest_wait, 2.0);
  EXPECT_EQ(reversals(plant.sizes), 1);
}

TEST(ClosedLoop, WorksOffABacklogBehindSlowBoots) {
  Policy policy = demo_policy();
  policy.max = 20;
  policy.boot_estimate = std::chrono::seconds(20);
  policy.scale_in_window = std::chrono::minutes(5);
  Plant plant(policy);
  for (int i = 0; i < 60; ++i) plant.second(10, 0.2, 20);
  for (int i = 0; i < 120; ++i) plant.second(100, 0.2, 20);

  EXPECT_EQ(plant.load.queued, 0U);
  EXPECT_LE(plant.longest_wait, 30);
  EXPECT_EQ(reversals(plant.sizes), 0);
}

TEST(ClosedLoop, KeepsItsSizeUnderConstantLoad) {
  Policy policy = demo_policy();
  policy.scale_in_window = std::chrono::minutes(5);
  policy.scale_in_interval = std::chrono::minutes(1);
  Plant plant(policy);
  for (int i = 0; i < 1200; ++i) plant.second(45, 0.2, 3);
  plant.sizes.clear();
  for (int i = 0; i < 1800; ++i) plant.second(45, 0.2, 3);

  EXPECT_EQ(*std::min_element(plant.sizes.begin(), plant.sizes.end()),
            *std::max_element(plant.sizes.begin(), plant.sizes.end()));
}

TEST(ClosedLoop, ServesTheFirstRequestsOfAnEmptyPool) {
  Policy policy = demo_policy();
  policy.min = 0;
  policy.idle_to_zero = std::chrono::seconds(30);
  Plant plant(policy);
  for (int i = 0; i < 60; ++i) plant.second(0, 0.2, 3);
  EXPECT_EQ(plant.ready(), 0U);

  for (int i = 0; i < 30; ++i) plant.second(3, 0.2, 3);
  EXPECT_GE(plant.ready(), 1U);
  EXPECT_LE(plant.longest_wait, 8);
  EXPECT_EQ(plant.timed_out, 0U);

  for (int i = 0; i < 120; ++i) plant.second(0, 0.2, 3);
  EXPECT_EQ(plant.ready(), 0U);
}

}  // namespace
}  // namespace flaskscale::scaler
