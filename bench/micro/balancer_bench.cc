// What a pick, its release and a hand-over through the queue cost.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balancer/pool.h"
#include "base/random.h"

namespace flaskscale::balancer {
namespace {

const Time kNow = Time{} + std::chrono::hours(1);

class NobodyWaits final : public Waiter {
 public:
  void on_slot(Slot /*slot*/) override {}
  void on_refused(Refused /*refused*/) override {}
};

class Inbox final : public WaiterHome {
 public:
  void post_decided(std::shared_ptr<Ticket> ticket) override { last_ = std::move(ticket); }
  std::shared_ptr<Ticket> take() { return std::exchange(last_, nullptr); }

 private:
  std::shared_ptr<Ticket> last_;
};

class Holder final : public Waiter {
 public:
  void on_slot(Slot granted) override { slot = std::move(granted); }
  void on_refused(Refused /*refused*/) override {}
  Slot slot;
};

std::unique_ptr<Pool> make_pool(int64_t backends, uint32_t slots, Policy policy) {
  PoolSettings settings;
  settings.policy = policy;
  settings.slots = slots;
  settings.slow_start = Duration::zero();
  auto pool = std::make_unique<Pool>("bench", settings, uint16_t{4});
  for (int64_t i = 0; i < backends; ++i) {
    const std::string address = "10.0.0.1:" + std::to_string(i + 1);
    pool->add_backend(address, 1, kNow);
    pool->on_probe(address, true, kNow);
  }
  return pool;
}

// One pool for all threads of a run: thread 0 makes it before the first iteration.
std::unique_ptr<Pool> shared_pool;

void BM_PickAndRelease(benchmark::State& state, Policy policy) {
  if (state.thread_index() == 0) shared_pool = make_pool(state.range(0), 64, policy);
  NobodyWaits waiter;
  Inbox home;
  const AcquireRequest request{kNow, 0, std::nullopt, 0};
  std::unique_ptr<PoolView> view;
  for (auto _ : state) {
    if (!view) {
      const auto worker = static_cast<uint16_t>(state.thread_index());
      view = std::make_unique<PoolView>(shared_pool->make_view(worker, 7U + worker));
    }
    AcquireOutcome outcome = shared_pool->acquire(*view, request, waiter, home);
    benchmark::DoNotOptimize(outcome.slot);
    outcome.slot.finish(kNow);
  }
}
BENCHMARK_CAPTURE(BM_PickAndRelease, least_connections, Policy::least_connections)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_PickAndRelease, round_robin, Policy::round_robin)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(BM_PickAndRelease, random_two, Policy::random_two)->Arg(10)->Arg(1000);

// Two and a half requests a backend are in flight and end in random order: the counts are as uneven
// as least connections leaves them, and change with every iteration.
void BM_PickAndReleaseUneven(benchmark::State& state) {
  if (state.thread_index() == 0) {
    shared_pool = make_pool(state.range(0), 64, Policy::least_connections);
  }
  NobodyWaits waiter;
  Inbox home;
  const AcquireRequest request{kNow, 0, std::nullopt, 0};
  std::unique_ptr<PoolView> view;
  std::vector<Slot> held;
  const auto worker = static_cast<uint16_t>(state.thread_index());
  Random random(99U + worker);
  const auto count = static_cast<uint32_t>(state.range(0) * 5 / 2 / state.threads());
  for (auto _ : state) {
    if (!view) {
      state.PauseTiming();
      view = std::make_unique<PoolView>(shared_pool->make_view(worker, 7U + worker));
      for (uint32_t i = 0; i < count; ++i) {
        held.push_back(std::move(shared_pool->acquire(*view, request, waiter, home).slot));
      }
      state.ResumeTiming();
    }
    Slot& ended = held[random.below(count)];
    ended.finish(kNow);
    ended = std::move(shared_pool->acquire(*view, request, waiter, home).slot);
  }
}
BENCHMARK(BM_PickAndReleaseUneven)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();

// Every slot is taken and nobody waits: what the word "full" costs before the queue is touched.
void BM_FullPoolRefusal(benchmark::State& state) {
  auto pool = make_pool(state.range(0), 1, Policy::least_connections);
  PoolSettings settings = pool->settings();
  settings.queue_limit = 0;
  pool->apply(settings, kNow);
  NobodyWaits waiter;
  Inbox home;
  PoolView view = pool->make_view(0, 7);
  const AcquireRequest request{kNow, 0, std::nullopt, 0};
  std::vector<Slot> held;
  for (int64_t i = 0; i < state.range(0); ++i) {
    held.push_back(std::move(pool->acquire(view, request, waiter, home).slot));
  }
  for (auto _ : state) {
    AcquireOutcome outcome = pool->acquire(view, request, waiter, home);
    benchmark::DoNotOptimize(outcome.refused);
  }
}
BENCHMARK(BM_FullPoolRefusal)->Arg(10)->Arg(1000);

// Enqueue behind one who waits, free a slot, and carry the decided ticket to its waiter.
void BM_QueueHandOver(benchmark::State& state) {
  auto pool = make_pool(state.range(0), 1, Policy::least_connections);
  Inbox home;
  PoolView view = pool->make_view(0, 7);
  const AcquireRequest request{kNow, 0, std::nullopt, 0};
  std::vector<Slot> held;
  NobodyWaits nobody;
  for (int64_t i = 1; i < state.range(0); ++i) {
    held.push_back(std::move(pool->acquire(view, request, nobody, home).slot));
  }
  Holder one;
  Holder other;
  one.slot = std::move(pool->acquire(view, request, one, home).slot);
  Holder* holds = &one;
  Holder* waits = &other;
  for (auto _ : state) {
    AcquireOutcome outcome = pool->acquire(view, request, *waits, home);
    holds->slot.finish(kNow);
    Pool::deliver(home.take());
    std::swap(holds, waits);
  }
  holds->slot.finish(kNow);
}
BENCHMARK(BM_QueueHandOver)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace flaskscale::balancer
