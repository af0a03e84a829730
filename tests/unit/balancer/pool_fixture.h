// A pool under a clock that stands still until it is told, with waiters that remember what they
// got.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balancer/pool.h"

namespace flaskscale::balancer {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RecordingWaiter final : public Waiter {
 public:
  void on_slot(Slot granted) override {
    ++calls;
    slot = std::move(granted);
  }
  void on_refused(Refused why) override {
    ++calls;
    refused = why;
  }

  int calls = 0;
  Slot slot;
  std::optional<Refused> refused;
  std::shared_ptr<Ticket> ticket;
};

class Inbox final : public WaiterHome {
 public:
  void post_decided(std::shared_ptr<Ticket> ticket) override {
    decided.push_back(std::move(ticket));
  }
  void deliver_all() {
    while (!decided.empty()) {
      const std::shared_ptr<Ticket> ticket = std::move(decided.front());
      decided.pop_front();
      Pool::deliver(ticket);
    }
  }
  std::deque<std::shared_ptr<Ticket>> decided;
};

class PoolFixture : public testing::Test {
 protected:
  static PoolSettings plain(uint32_t slots) {
    PoolSettings settings;
    settings.slots = slots;
    settings.slow_start = Duration::zero();
    return settings;
  }

  ~PoolFixture() override { end_pool(); }

  // No slot outlives its pool.
  void end_pool() {
    if (!pool) return;
    pool->close(now);
    home.decided.clear();
    unused.slot = Slot();
    pool.reset();
  }

  void make(const PoolSettings& settings, int backends) {
    end_pool();
    pool = std::make_unique<Pool>("test", settings, uint16_t{2});
    view.emplace(pool->make_view(0, 42));
    for (int i = 0; i < backends; ++i) add_up(name_of(i));
  }
  static std::string name_of(int i) { return "10.0.0.1:" + std::to_string(5000 + i); }
  std::shared_ptr<Backend> add_up(const std::string& address, uint32_t weight = 1) {
    auto backend = pool->add_backend(address, weight, now);
    pool->on_probe(address, true, now);
    return backend;
  }
  void probe(const std::string& address, bool good, int times) {
    for (int i = 0; i < times; ++i) pool->on_probe(address, good, now);
  }

  AcquireRequest request() const { return {now, 0, std::nullopt, 0}; }
  Slot take() { return std::move(pool->acquire(*view, request(), unused, home).slot); }
  std::vector<Slot> take_many(int count) {
    std::vector<Slot> slots;
    for (int i = 0; i < count; ++i) slots.push_back(take());
    return slots;
  }
  // Enqueues; the waiter has a ticket, a slot or a refusal afterwards.
  std::unique_ptr<RecordingWaiter> wait(const AcquireRequest& asked) {
    auto waiter = std::make_unique<RecordingWaiter>();
    AcquireOutcome outcome = pool->acquire(*view, asked, *waiter, home);
    waiter->ticket = outcome.ticket;
    waiter->slot = std::move(outcome.slot);
    waiter->refused = outcome.refused;
    return waiter;
  }
  std::unique_ptr<RecordingWaiter> wait() { return wait(request()); }

  BackendStatus status(const std::string& address) const {
    for (const BackendStatus& one : pool->backends(now)) {
      if (one.address == address) return one;
    }
    ADD_FAILURE() << "no backend " << address;
    return {};
  }
  void advance(Duration by) { now += by; }

  Time now = Time{} + std::chrono::hours(1);
  RecordingWaiter unused;
  Inbox home;
  std::unique_ptr<Pool> pool;
  std::optional<PoolView> view;
};

}  // namespace flaskscale::balancer
