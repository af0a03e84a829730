// The workers' half of Pool: taking, waiting for and handing over slots.
#include <algorithm>
#include <utility>

#include "balancer/pool.h"

namespace flaskscale::balancer {

Wish Pool::wish_of(const AcquireRequest& request) const {
  Wish wish{request.avoid_backend, request.sticky, request.hash, 0};
  if (wish.hash) wish.in_flight = meter_.in_flight();
  return wish;
}

AcquireOutcome Pool::acquire(PoolView& view, const AcquireRequest& request, Waiter& waiter,
                             WaiterHome& home) {
  // Who waits comes first. Whether this read is a little late decides about fairness only, never
  // about a lost wake-up.
  if (waiting_.load(std::memory_order_acquire) == 0) {
    if (view.generation_ != generation_.load(std::memory_order_acquire)) refresh(view);
    if (const CellRef cell = take_slot(*view.set_, view.picker_, wish_of(request))) {
      if (request.first_enqueued) {
        meter_.count_take(view.worker_, request.now);
      } else {
        meter_.count_served_arrival(view.worker_, request.now);
      }
      return {Slot(*this, cell, request.now, view.worker_), nullptr, std::nullopt};
    }
  }
  return acquire_or_wait(view, request, waiter, home);
}

AcquireOutcome Pool::acquire_or_wait(PoolView& view, const AcquireRequest& request, Waiter& waiter,
                                     WaiterHome& home) {
  const uint16_t worker = view.worker_;
  if (!request.first_enqueued) meter_.count_arrival(worker);
  AcquireOutcome outcome;
  const std::lock_guard lock(mutex_);
  note_time(request.now);
  const bool is_first = queue_.empty();
  waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (is_first) {
    if (const CellRef cell = take_slot(*set_, picker_, wish_of(request))) {
      waiting_.fetch_sub(1, std::memory_order_seq_cst);
      meter_.count_take(worker, request.now);
      outcome.slot = Slot(*this, cell, request.now, worker);
      return outcome;
    }
  }
  if ((outcome.refused = refusal_for(request))) {
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    meter_.count_refused(1);
    return outcome;
  }
  outcome.ticket =
      std::make_shared<Ticket>(*this, waiter, home, request, wish_of(request), worker, ++tickets_);
  queue_.push(outcome.ticket);
  choose_order(request.now);
  return outcome;
}

void Pool::refresh(PoolView& view) const {
  std::shared_ptr<const BackendSet> old;  // destroyed after the mutex is released
  const std::lock_guard lock(mutex_);
  old = std::exchange(view.set_, set_);
  view.generation_ = generation_.load(std::memory_order_relaxed);
}

void Pool::leave(const std::shared_ptr<Ticket>& ticket, Leave why, Time now) {
  Slot dropped;  // freed after the mutex is released: it goes to the next
  {
    const std::lock_guard lock(mutex_);
    note_time(now);
    switch (ticket->state) {
      case Ticket::State::over:
        return;
      case Ticket::State::waiting:
        queue_.remove(*ticket);
        waiting_.fetch_sub(1, std::memory_order_seq_cst);
        choose_order(now);
        break;
      case Ticket::State::decided:
        dropped = std::move(ticket->slot);
        break;
    }
    ticket->state = Ticket::State::over;
    if (ticket->refused) return;  // counted when it was refused
  }
  if (why == Leave::client_left) {
    meter_.count_client_left();
  } else {
    meter_.count_refused(1);
  }
}

void Pool::deliver(const std::shared_ptr<Ticket>& ticket) {
  if (ticket->state != Ticket::State::decided) return;
  ticket->state = Ticket::State::over;
  Waiter& waiter = ticket->waiter;
  if (ticket->refused) {
    waiter.on_refused(*ticket->refused);
  } else {
    waiter.on_slot(std::move(ticket->slot));
  }
}

Time Pool::deadline(const Ticket& ticket, Time /*now*/) const {
  const std::lock_guard lock(mutex_);
  return deadline_of(ticket.first_enqueued);
}

Refused Pool::timed_out_refusal(Time now) const {
  const std::lock_guard lock(mutex_);
  return refusal(Refusal::waited_too_long, now);
}

bool Pool::try_begin_retry() { return retries_.try_begin(meter_.in_flight()); }

void Pool::end_retry() { retries_.end(); }

void Pool::release_served(CellRef held, Time taken, uint16_t worker, Time now) {
  meter_.count_completion(worker, now - taken);
  release(held, worker, now);
}

void Pool::release_unserved(CellRef held, Time taken, uint16_t worker) {
  release(held, worker, std::max(taken, latest()));
}

void Pool::release(CellRef held, uint16_t worker, Time now) {
  meter_.count_release(worker, now);
  held.block->release(held.cell);
  // From here on the backend may be gone, and the cell may have a new owner.
  if (waiting_.load(std::memory_order_seq_cst) > 0) hand_over(held, now);
}

void Pool::hand_over(CellRef freed, Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    note_time(now);
    forecast_.count_release();
    while (!queue_.empty()) {
      const CellRef cell = take_for_next(freed);
      if (!cell) break;
      grant_next(cell, now, decided);
    }
    choose_order(now);
  }
  post(decided);
}

// The slot just freed is the only free one, unless others are on their way here with theirs.
CellRef Pool::take_for_next(CellRef freed) {
  const uint64_t avoid = queue_.next()->wish.avoid_backend;
  if (avoid != 0 && freed.block->id(freed.cell) == avoid) {
    return take_slot(*set_, picker_, {.avoid_backend = avoid, .sticky = {}, .hash = {}});
  }
  return freed.block->try_take(freed.cell) ? freed : CellRef{};
}

void Pool::grant_next(CellRef cell, Time now, Decided& decided) {
  std::shared_ptr<Ticket> ticket = queue_.pop();
  waiting_.fetch_sub(1, std::memory_order_seq_cst);
  meter_.count_take(ticket->worker, now);
  ticket->slot = Slot(*this, cell, now, ticket->worker);
  ticket->state = Ticket::State::decided;
  decided.push_back(std::move(ticket));
}

void Pool::dispatch(Time now, Decided& decided) {
  while (!queue_.empty()) {
    const CellRef cell = take_slot(*set_, picker_, queue_.next()->wish);
    if (!cell) return;
    grant_next(cell, now, decided);
  }
}

void Pool::post(const Decided& decided) {
  for (const std::shared_ptr<Ticket>& ticket : decided) ticket->home.post_decided(ticket);
}

}  // namespace flaskscale::balancer
