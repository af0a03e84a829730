// Backends that serve the same thing, with one queue: who serves a request, now or later.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "balancer/admission.h"
#include "balancer/admission_queue.h"
#include "balancer/backend.h"
#include "balancer/backend_set.h"
#include "balancer/load_meter.h"
#include "balancer/lost_wakeup_gauge.h"
#include "balancer/picker.h"
#include "balancer/retry_budget.h"
#include "balancer/roster.h"
#include "balancer/settings.h"
#include "balancer/slot.h"
#include "balancer/ticket.h"
#include "balancer/wait_forecast.h"
#include "base/random.h"
#include "base/time.h"

namespace flaskscale::balancer {

// A worker's own view of a pool: the set it last saw, its random numbers, its round-robin place.
// One worker thread only; made by Pool::make_view.
class PoolView {
 public:
  PoolView(uint16_t worker, uint64_t seed) : worker_(worker), picker_{Random(seed), 0} {}

 private:
  friend class Pool;
  uint16_t worker_;
  uint64_t generation_ = 0;
  PickerState picker_;
  std::shared_ptr<const BackendSet> set_;
};

// What the operator and the scaler see of a backend.
struct BackendStatus {
  uint64_t id = 0;
  std::string address;
  Life life = Life::booting;
  bool up = false;
  bool ejected = false;
  bool drained_by_operator = false;
  uint32_t weight = 1;
  uint32_t in_flight = 0;
  uint32_t limit = 0;
  double up_since_seconds = 0;  // how long it has been up; 0 while down
};

// Invariants (design.md part 11): in flight at a backend never exceeds its slots (2); nobody waits
// while a backend has a free slot (3); only warming and ready backends are taken (4).
class Pool {
 public:
  // `workers`: how many PoolViews will exist at most.
  Pool(std::string name, const PoolSettings& settings, uint16_t workers);
  ~Pool();  // no slot is held and nobody waits any more
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  const std::string& name() const { return name_; }

  // --- Worker threads
  // ----------------------------------------------------------------------------- Steady state: no
  // lock, no allocation. Counts an arrival unless the request is a retry.
  AcquireOutcome acquire(PoolView& view, const AcquireRequest& request, Waiter& waiter,
                         WaiterHome& home);

  // The waiter leaves: it is not called any more, its place is free at once, a slot already on its
  // way goes to the next. Only the waiter's thread.
  enum class Leave : uint8_t { client_left, timed_out };
  void leave(const std::shared_ptr<Ticket>& ticket, Leave why, Time now);

  // Ends the wait of a decided ticket: calls its waiter unless it has left. The thread of its home.
  static void deliver(const std::shared_ptr<Ticket>& ticket);

  // When the waiter of this ticket must give up, given what the pool knows now; grows while
  // capacity is coming. Call again at that time: wait on if it moved, else leave(timed_out).
  Time deadline(const Ticket& ticket, Time now) const;
  Refused timed_out_refusal(Time now) const;

  // Whether the backend with this sticky name takes requests at all, if it has a slot.
  bool may_pick_sticky(PoolView& view, uint64_t name) const;

  // Tells the passive checks how an exchange ended. Any thread.
  void report(Backend& backend, ExchangeResult result, Time now);

  // A retry may be made now: counts it against the budget. Pair with end_retry() when that try
  // ended.
  bool try_begin_retry();
  void end_retry();

  // --- Control loop
  // --------------------------------------------------------------------------------- Adds or finds
  // by address. A new backend is `booting` and takes nothing until its first good check. The weight
  // is that of the first call; another weight needs remove_backend before.
  std::shared_ptr<Backend> add_backend(const std::string& address, uint32_t weight, Time now);
  // Takes no new request from now on. Returns the in-flight count it left. `limit`: what is still
  // in flight then will be cut; 0: nothing will be.
  uint32_t drain(const std::string& address, Time now, Duration limit = Duration::zero());
  // Back to what it was; false if it is not draining (or not there).
  bool undrain(const std::string& address, Time now);
  // Out of the set at once; in-flight requests finish. The object lives until its last slot is
  // freed.
  void remove_backend(const std::string& address, Time now);
  // A health check's verdict, one probe at a time.
  void on_probe(const std::string& address, bool good, Time now);
  // The provider's capacity that is on its way, expected one `boot_median` after the first such
  // call: the hold time stretches, and an empty pool holds instead of refusing. Not coming: nothing
  // is on its way.
  void expect_capacity(bool coming, Duration boot_median, Time now);
  // An operator's or scaler's reload: new limits apply at once, waiting requests stay.
  void apply(const PoolSettings& settings, Time now);
  // Every 100 ms or so: slot ramps, ends of ejections, drain rate, the lost-wake-up gauge.
  void tick(Time now);
  // Refuses everybody who waits and all who come (shutdown, pool removed by a reload).
  void close(Time now);

  // --- Any thread
  // -------------------------------------------------------------------------------------
  LoadReading read_load(Time now) const;
  std::vector<BackendStatus> backends(Time now) const;
  uint64_t queued() const { return waiting_.load(std::memory_order_relaxed); }
  // For a request that came now and were served last; 0 while nobody waits or no rate is known.
  double predicted_wait_seconds(Time now) const;
  // Seconds in which someone waited while a slot was free; must stay 0.
  double idle_slot_while_queued_seconds() const;
  PoolSettings settings() const;
  PoolView make_view(uint16_t worker, uint64_t seed) const;

 private:
  friend class Slot;
  using Decided = std::vector<std::shared_ptr<Ticket>>;

  void release_served(CellRef held, Time taken, uint16_t worker, Time now);
  void release_unserved(CellRef held, Time taken, uint16_t worker);
  void release(CellRef held, uint16_t worker, Time now);
  void hand_over(CellRef freed, Time now);

  Wish wish_of(const AcquireRequest& request) const;
  void refresh(PoolView& view) const;
  AcquireOutcome acquire_or_wait(PoolView& view, const AcquireRequest& request, Waiter& waiter,
                                 WaiterHome& home);
  Time latest() const { return Time(Duration(latest_.load(std::memory_order_relaxed))); }

  // Under mutex_. What they decide is posted after it is released.
  void note_time(Time now);
  std::optional<Refused> refusal_for(const AcquireRequest& request) const;
  Refused refusal(Refusal why, Time now) const;
  Time deadline_of(Time first_enqueued) const;
  std::optional<double> predicted_wait(size_t ahead, Time now) const;
  bool can_serve() const;
  void choose_order(Time now);
  CellRef take_for_next(CellRef freed);
  void grant_next(CellRef cell, Time now, Decided& decided);
  void dispatch(Time now, Decided& decided);
  void refuse_all(Refusal why, Time now, Decided& decided);
  void settle(Time now, Decided& decided);
  void publish_set();
  static void post(const Decided& decided);

  const std::string name_;
  RetryBudget retries_;
  mutable LoadMeter meter_;

  alignas(64) std::atomic<uint64_t> waiting_{0};
  // Changes with set_. Release: pairs with the acquire in acquire(); the set itself is read under
  // mutex_.
  std::atomic<uint64_t> generation_{0};
  std::atomic<Duration::rep> latest_{0};  // the latest time seen under mutex_

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  PoolSettings settings_;
  Roster roster_;
  AdmissionQueue queue_;
  WaitForecast forecast_;
  LostWakeupGauge gauge_;
  PickerState picker_;
  std::shared_ptr<const BackendSet> set_;
  uint64_t tickets_ = 0;
  bool closed_ = false;
};

}  // namespace flaskscale::balancer
