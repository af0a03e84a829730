// The place of one waiting request in a pool's queue; shared by the queue and the waiter's worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "balancer/admission.h"
#include "balancer/picker.h"
#include "base/time.h"

namespace flaskscale::balancer {

class Pool;

// `waiting` → `decided` under the pool's mutex; the rest on the thread of its home.
class Ticket {
 public:
  enum class State : uint8_t { waiting, decided, over };

  Ticket(Pool& its_pool, Waiter& its_waiter, WaiterHome& its_home, const AcquireRequest& request,
         const Wish& its_wish, uint16_t its_worker, uint64_t its_number)
      : number(its_number),
        pool(its_pool),
        waiter(its_waiter),
        home(its_home),
        worker(its_worker),
        bytes(request.bytes),
        wish(its_wish),
        enqueued(request.now),
        first_enqueued(request.first_enqueued.value_or(request.now)),
        is_retry(request.first_enqueued.has_value()) {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  const uint64_t number;  // from 1, unique in its pool
  Pool& pool;
  Waiter& waiter;
  WaiterHome& home;
  const uint16_t worker;
  const size_t bytes;
  const Wish wish;
  const Time enqueued;
  const Time first_enqueued;  // counts for the deadline
  const bool is_retry;

  // Guarded by the pool's mutex while waiting; its home's own once decided and delivered.
  State state = State::waiting;
  Slot slot;                       // decided: granted
  std::optional<Refused> refused;  // decided: refused
  std::list<std::shared_ptr<Ticket>>::iterator place;
};

}  // namespace flaskscale::balancer
