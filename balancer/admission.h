// The words between a request that wants a slot and the pool that has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "balancer/slot.h"
#include "base/time.h"

namespace flaskscale::balancer {

// Why a request was not served by this pool. Each is a reason word in log and metrics.
enum class Refusal : uint8_t {
  queue_full,          // by count
  queue_bytes,         // by memory
  predicted_too_late,  // the predicted wait lies beyond the deadline
  waited_too_long,     // the deadline passed in the queue
  no_capacity,         // no backend is up and none is coming
  shutting_down,
};

struct Refused {
  Refusal why = Refusal::queue_full;
  uint32_t retry_after_s = 1;  // computed: when a try is likely to succeed; 1 to 300
};

// Who waits. Called on the thread of its WaiterHome only, never after cancel() and never from
// inside acquire(). One call ends the wait.
class Waiter {
 public:
  virtual void on_slot(Slot slot) = 0;
  virtual void on_refused(Refused refused) = 0;

 protected:
  ~Waiter() = default;
};

// The place of one waiting request in a pool's queue; shared by the queue and the waiter's worker.
class Ticket;

// The worker of a waiter: carries a decided ticket to its thread and calls deliver(*ticket) there.
class WaiterHome {
 public:
  virtual void post_decided(std::shared_ptr<Ticket> ticket) = 0;  // any thread

 protected:
  ~WaiterHome() = default;
};

struct AcquireRequest {
  Time now{};
  size_t bytes = 0;                    // memory the request holds while it waits
  std::optional<Time> first_enqueued;  // set for a retry: goes to the head, with its first deadline
  uint64_t avoid_backend =
      0;  // id of a backend that just failed this request, avoided if another has a slot
  // Wishes, fulfilled if that backend has a slot just now; nobody waits for them.
  std::optional<uint64_t> sticky = {};  // the backend of the client's session (Pool::sticky_name)
  std::optional<uint64_t> hash = {};    // with consistent_hash: of what the pool is hashed on
};

// Exactly one of the three is set.
struct AcquireOutcome {
  Slot slot;
  std::shared_ptr<Ticket> ticket;  // waiting: the waiter will be called
  std::optional<Refused> refused;
};

}  // namespace flaskscale::balancer
