// Several workers and a control loop at once; what must hold is checked while they run and when
// they stop.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "balancer/pool.h"
#include "base/random.h"

namespace flaskscale::balancer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint16_t kWorkers = 4;
constexpr Duration kRunTime = seconds(3);
constexpr Duration kStuck =
    seconds(20);  // a waiter that waits so long for a free slot was forgotten

constexpr uint32_t kAddresses = 40;
constexpr HashKey kStickyKey = {1, 2};

std::string address_of(uint32_t i) { return "10.0.0.1:" + std::to_string(5000 + i); }

class Wait final : public Waiter {
 public:
  void on_slot(Slot granted) override {
    ++ends;
    slot = std::move(granted);
  }
  void on_refused(Refused /*refused*/) override { ++ends; }

  std::shared_ptr<Ticket> ticket;
  Slot slot;
  int ends = 0;
};

// A worker's thread-safe mailbox for decided tickets, and its view.
class Worker final : public WaiterHome {
 public:
  Worker(Pool& pool, uint16_t index)
      : pool_(pool), view_(pool.make_view(index, 1000U + index)), random_(77U + index) {}

  void post_decided(std::shared_ptr<Ticket> ticket) override {
    const std::lock_guard lock(mutex_);
    decided_.push_back(std::move(ticket));
  }

  void deliver_all() {
    std::deque<std::shared_ptr<Ticket>> arrived;
    {
      const std::lock_guard lock(mutex_);
      arrived.swap(decided_);
    }
    for (const auto& ticket : arrived) Pool::deliver(ticket);
  }

  // Acquires, and waits for the end. False if it was forgotten.
  bool serve_one(std::atomic<uint32_t>& holding, uint32_t slots) {
    Wait wait;
    AcquireOutcome outcome = pool_.acquire(view_, {Clock::now(), 10, std::nullopt, 0}, wait, *this);
    if (outcome.ticket) {
      const Time began = Clock::now();
      uint32_t looks = 0;
      while (wait.ends == 0) {
        deliver_all();
        if (wait.ends != 0) break;
        if (++looks < kLooksBeforeYield) continue;
        if (Clock::now() - began > kStuck) {
          pool_.leave(outcome.ticket, Pool::Leave::timed_out, Clock::now());
          return false;
        }
        std::this_thread::yield();
      }
      outcome.slot = std::move(wait.slot);
    }
    if (!outcome.slot) return false;
    const bool within = holding.fetch_add(1) < slots;
    spin();
    if (random_.below(64) == 0) std::this_thread::yield();
    holding.fetch_sub(1);
    outcome.slot.finish(Clock::now());
    spin();  // so that the queue runs empty again and again
    return within;
  }

  // One random step of a worker's life.
  void step() {
    deliver_all();
    collect();
    const Time now = Clock::now();
    const uint32_t dice = random_.below(20);
    if (dice < 9 && waits_.size() < 12) {
      acquire(now);
    } else if (dice < 17) {
      end_one(now);
    } else if (dice < 19 && !waits_.empty()) {
      leave_one(now);
    } else if (!held_.empty()) {
      const auto result = static_cast<ExchangeResult>(random_.below(6));
      pool_.report(held_.back().backend(), result, now);
    }
  }

  // Gives back what it holds. True when nobody waits any more.
  bool settle_down() {
    deliver_all();
    collect();
    for (Slot& slot : held_) slot.finish(Clock::now());
    held_.clear();
    return waits_.empty();
  }

  uint64_t ended() const { return ended_; }
  bool broke_rules() const { return broke_rules_; }

 private:
  static constexpr uint32_t kLooksBeforeYield = 1000;

  void spin() {
    for (uint32_t i = random_.below(40); i > 0; --i) spin_.fetch_add(1, std::memory_order_relaxed);
  }

  void acquire(Time now) {
    auto wait = std::make_unique<Wait>();
    AcquireRequest request{now, random_.below(100), std::nullopt, 0};
    if (random_.below(8) == 0) request.first_enqueued = now - milliseconds(1);
    if (!held_.empty())
      request.avoid_backend = random_.below(3) == 0 ? held_.back().backend().id() : 0;
    if (random_.below(2) == 0) request.hash = random_.next();
    if (random_.below(2) == 0) {
      request.sticky = keyed_hash(kStickyKey, address_of(random_.below(kAddresses)));
    }
    AcquireOutcome outcome = pool_.acquire(view_, request, *wait, *this);
    const int ways = (outcome.slot ? 1 : 0) + (outcome.ticket ? 1 : 0) + (outcome.refused ? 1 : 0);
    if (ways != 1) broke_rules_ = true;
    if (outcome.slot) held_.push_back(std::move(outcome.slot));
    if (!outcome.ticket) return;
    wait->ticket = std::move(outcome.ticket);
    waits_.push_back(std::move(wait));
  }

  void end_one(Time now) {
    if (held_.empty()) return;
    std::swap(held_[random_.below(static_cast<uint32_t>(held_.size()))], held_.back());
    Slot slot = std::move(held_.back());
    held_.pop_back();
    if (random_.below(5) != 0) slot.finish(now);
  }

  void leave_one(Time now) {
    std::swap(waits_[random_.below(static_cast<uint32_t>(waits_.size()))], waits_.back());
    const std::unique_ptr<Wait> wait = std::move(waits_.back());
    waits_.pop_back();
    const auto why = random_.below(2) == 0 ? Pool::Leave::client_left : Pool::Leave::timed_out;
    pool_.leave(wait->ticket, why, now);
    if (wait->ends != 0) broke_rules_ = true;
    ++ended_;
  }

  void collect() {
    std::erase_if(waits_, [&](const std::unique_ptr<Wait>& wait) {
      if (wait->ends == 0) return false;
      if (wait->ends != 1) broke_rules_ = true;
      if (wait->slot) held_.push_back(std::move(wait->slot));
      ++ended_;
      return true;
    });
  }

  Pool& pool_;
  PoolView view_;
  Random random_;
  std::atomic<uint32_t> spin_{0};
  std::vector<std::unique_ptr<Wait>> waits_;
  std::vector<Slot> held_;
  uint64_t ended_ = 0;
  bool broke_rules_ = false;
  std::mutex mutex_;
  std::deque<std::shared_ptr<Ticket>> decided_;  // guarded by mutex_
};

PoolSettings settings_with(uint32_t slots) {
  PoolSettings settings;
  settings.slots = slots;
  settings.slow_start = milliseconds(20);
  settings.queue_timeout = seconds(300);
  settings.eject_base = milliseconds(5);
  settings.eject_max = milliseconds(20);
  return settings;
}

// Nothing changes but who holds what. Each worker holds or waits for one slot at a time, so that a
// single lost wake-up soon stops everybody.
void lose_no_wakeup(uint32_t backends, uint32_t slots, uint16_t busy_workers) {
  PoolSettings settings = settings_with(slots);
  settings.slow_start = Duration::zero();
  Pool pool("stress", settings, kWorkers);
  for (uint32_t i = 0; i < 300; ++i) {  // several blocks, of which few backends are up
    pool.add_backend(address_of(i), 1, Clock::now());
    const bool is_first = i == 0;
    const bool is_last_of_two = i == 39 && backends == 2;
    if (is_first || is_last_of_two) pool.on_probe(address_of(i), true, Clock::now());
  }
  uint32_t capacity = 0;
  for (const BackendStatus& one : pool.backends(Clock::now())) capacity += one.limit;
  ASSERT_LT(capacity, uint32_t{busy_workers});

  std::vector<std::unique_ptr<Worker>> workers;
  for (uint16_t i = 0; i < busy_workers; ++i) workers.push_back(std::make_unique<Worker>(pool, i));
  std::atomic<uint32_t> holding{0};
  std::atomic<bool> failed{false};
  std::atomic<uint64_t> served{0};
  const Time end = Clock::now() + kRunTime;
  std::vector<std::thread> threads;
  for (auto& worker : workers) {
    threads.emplace_back([&, own = worker.get()] {
      while (Clock::now() < end && !failed) {
        if (!own->serve_one(holding, capacity)) failed = true;
        served.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  // Listing holds the mutex: it keeps those who are about to wait between their first look and the
  // queue, where a slot that is freed meanwhile would be overlooked.
  Time next_tick = Clock::now();
  while (Clock::now() < end && !failed) {
    EXPECT_EQ(pool.backends(Clock::now()).size(), 300U);
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // or it would starve them
    if (Clock::now() < next_tick) continue;
    pool.tick(Clock::now());
    next_tick = Clock::now() + milliseconds(100);
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_FALSE(failed) << "a waiter was forgotten or a slot was given twice";
  EXPECT_EQ(pool.queued(), 0U);
  EXPECT_EQ(pool.idle_slot_while_queued_seconds(), 0);
  EXPECT_EQ(pool.read_load(Clock::now()).in_flight, 0U);
  EXPECT_GT(served, 20U);
}

TEST(PoolStress, LosesNoWakeupWithOneSlot) { lose_no_wakeup(1, 1, 2); }
TEST(PoolStress, LosesNoWakeupWithManyWorkers) { lose_no_wakeup(1, 1, kWorkers); }
TEST(PoolStress, LosesNoWakeupAcrossBlocks) { lose_no_wakeup(2, 1, kWorkers); }

// The control loop of the chaos test: everything that may happen to a pool.
class Chaos {
 public:
  explicit Chaos(Pool& pool) : pool_(pool) {}

  void step() {
    const Time now = Clock::now();
    const std::string address = address_of(random_.below(kAddresses));
    switch (random_.below(9)) {
      case 0:
        drain(address, now);
        break;
      case 1:
      case 2:
        pool_.undrain(address, now);
        break;
      case 3:
        pool_.remove_backend(address, now);
        break;
      case 4:
        pool_.add_backend(address, 1 + random_.below(3), now);
        break;
      case 5:
      case 6:
        pool_.on_probe(address, random_.below(4) != 0, now);
        break;
      case 7:
        apply(now);
        break;
      default:
        pool_.expect_capacity(random_.below(2) == 0, milliseconds(10), now);
        break;
    }
  }

  // Leaves a pool that can serve.
  void calm() {
    const Time now = Clock::now();
    pool_.expect_capacity(false, {}, now);
    pool_.add_backend(address_of(0), 1, now);
    pool_.undrain(address_of(0), now);
    for (int i = 0; i < 2; ++i) pool_.on_probe(address_of(0), true, now);
  }

  bool took_after_drain() const { return took_after_drain_; }

  static constexpr uint32_t kMostSlots = 3;

 private:
  void drain(const std::string& address, Time now) {
    std::shared_ptr<Backend> backend;
    for (const BackendStatus& one : pool_.backends(now)) {
      if (one.address == address) backend = pool_.add_backend(address, 1, now);
    }
    if (!backend) return;
    uint32_t left = pool_.drain(address, now);
    for (int look = 0; look < 20; ++look) {
      const uint32_t in_flight = backend->in_flight();
      if (in_flight > left) took_after_drain_ = true;
      left = in_flight;
      std::this_thread::yield();
    }
  }

  void apply(Time now) {
    PoolSettings settings = settings_with(1 + random_.below(kMostSlots));
    settings.policy = static_cast<Policy>(random_.below(4));
    if (random_.below(2) == 0) settings.sticky_key = kStickyKey;
    settings.queue_order = static_cast<QueueOrder>(random_.below(2));
    settings.slow_after = milliseconds(random_.below(20));
    settings.queue_limit = 5 + random_.below(50);
    pool_.apply(settings, now);
  }

  Pool& pool_;
  Random random_{4711};
  bool took_after_drain_ = false;
};

void check_limits(const Pool& pool, uint32_t most) {
  for (const BackendStatus& one : pool.backends(Clock::now())) {
    ASSERT_LE(one.in_flight, most) << one.address;
    if (one.life == Life::booting || one.life == Life::draining) {
      ASSERT_EQ(one.limit, 0U) << one.address;
    }
  }
}

TEST(PoolStress, KeepsItsInvariantsInChaos) {
  Pool pool("stress", settings_with(2), kWorkers);
  Chaos chaos(pool);
  std::vector<std::unique_ptr<Worker>> workers;
  for (uint16_t i = 0; i < kWorkers; ++i) workers.push_back(std::make_unique<Worker>(pool, i));
  const Time end = Clock::now() + 2 * kRunTime;
  int rounds = 0;
  while (Clock::now() < end) {
    std::atomic<bool> calm{false};
    std::atomic<int> stepping{kWorkers};
    std::atomic<bool> forgotten{false};
    std::vector<std::thread> threads;
    for (auto& worker : workers) {
      threads.emplace_back([&, own = worker.get()] {
        for (int i = 0; i < 2000; ++i) own->step();
        --stepping;
        const Time began = Clock::now();
        while (!own->settle_down() || !calm) {
          if (Clock::now() - began > kStuck) {
            forgotten = true;
            break;
          }
          std::this_thread::yield();
        }
      });
    }
    Time next_tick = Clock::now();
    while (stepping > 0) {
      chaos.step();
      check_limits(pool, Chaos::kMostSlots);
      if (Clock::now() < next_tick) continue;
      pool.tick(Clock::now());
      next_tick = Clock::now() + milliseconds(100);
    }
    chaos.calm();
    calm = true;
    for (std::thread& thread : threads) thread.join();

    for (auto& worker : workers) {  // slots that were on their way to those who had left
      worker->deliver_all();
      ASSERT_FALSE(worker->broke_rules());
    }
    ASSERT_FALSE(forgotten) << "somebody waits, " << pool.queued() << " in the queue";
    ASSERT_FALSE(chaos.took_after_drain());
    ASSERT_EQ(pool.queued(), 0U);
    pool.tick(Clock::now());
    pool.tick(Clock::now() + seconds(1));
    const LoadReading load = pool.read_load(Clock::now() + seconds(1));
    ASSERT_EQ(load.in_flight, 0U);
    for (const BackendStatus& one : pool.backends(Clock::now())) ASSERT_EQ(one.in_flight, 0U);
    ++rounds;
  }

  EXPECT_EQ(pool.idle_slot_while_queued_seconds(), 0);
  EXPECT_GT(rounds, 1);
  uint64_t ended = 0;
  for (auto& worker : workers) ended += worker->ended();
  EXPECT_GT(ended, 100U);
}

}  // namespace
}  // namespace flaskscale::balancer
