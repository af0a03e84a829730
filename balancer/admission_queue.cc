#include "balancer/admission_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace flaskscale::balancer {

void AdmissionQueue::push(std::shared_ptr<Ticket> ticket) {
  List& list = list_of(*ticket);
  auto behind = list.end();
  if (ticket->is_retry) {
    while (behind != list.begin() &&
           (*std::prev(behind))->first_enqueued > ticket->first_enqueued) {
      --behind;
    }
  }
  Ticket& entry = *ticket;
  ++count_;
  bytes_ += entry.bytes;
  entry.place = list.insert(behind, std::move(ticket));
}

void AdmissionQueue::remove(Ticket& ticket) {
  --count_;
  bytes_ -= ticket.bytes;
  list_of(ticket).erase(ticket.place);
}

const Ticket* AdmissionQueue::next() const {
  if (!retries_.empty()) return retries_.front().get();
  if (fresh_.empty()) return nullptr;
  return newest_first_ ? fresh_.back().get() : fresh_.front().get();
}

std::shared_ptr<Ticket> AdmissionQueue::pop() {
  const Ticket* chosen = next();
  FS_CHECK(chosen != nullptr);
  std::shared_ptr<Ticket> ticket = *chosen->place;
  remove(*ticket);
  return ticket;
}

Time AdmissionQueue::oldest() const {
  FS_CHECK(count_ > 0);
  if (retries_.empty()) return fresh_.front()->enqueued;
  if (fresh_.empty()) return retries_.front()->first_enqueued;
  return std::min(retries_.front()->first_enqueued, fresh_.front()->enqueued);
}

void AdmissionQueue::choose_order(QueueOrder order, Duration slow_after,
                                  double predicted_wait_seconds) {
  const double threshold = to_seconds(slow_after);
  if (order == QueueOrder::fifo) {
    newest_first_ = false;
  } else if (predicted_wait_seconds > threshold) {
    newest_first_ = true;
  } else if (count_ == 0 || predicted_wait_seconds < threshold / 2) {
    newest_first_ = false;
  }
}

}  // namespace flaskscale::balancer
