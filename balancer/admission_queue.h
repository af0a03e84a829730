// The requests of one pool that wait for a slot, in the order in which they get one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>

#include "balancer/settings.h"
#include "balancer/ticket.h"
#include "base/time.h"

namespace flaskscale::balancer {

// Guarded by the pool's mutex. Retries come before all others. Memory is the tickets'; the pool
// limits them.
class AdmissionQueue {
 public:
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  uint64_t bytes() const { return bytes_; }
  bool is_newest_first() const { return newest_first_; }

  void push(std::shared_ptr<Ticket> ticket);
  // The ticket is in the queue.
  void remove(Ticket& ticket);
  // Who gets the next slot; null if nobody waits.
  const Ticket* next() const;
  // The queue is not empty.
  std::shared_ptr<Ticket> pop();

  // How many get a slot before one that comes now.
  size_t ahead_of_newcomer() const { return newest_first_ ? retries_.size() : count_; }
  // Enqueue time of the one who waits longest. The queue is not empty.
  Time oldest() const;

  // With `adaptive`: newest first from when the predicted wait exceeds `slow_after` until it is
  // below half.
  void choose_order(QueueOrder order, Duration slow_after, double predicted_wait_seconds);

 private:
  using List = std::list<std::shared_ptr<Ticket>>;
  List& list_of(const Ticket& ticket) { return ticket.is_retry ? retries_ : fresh_; }

  List retries_;  // by first enqueue time
  List fresh_;    // by arrival
  size_t count_ = 0;
  uint64_t bytes_ = 0;
  bool newest_first_ = false;
};

}  // namespace flaskscale::balancer
