#include "balancer/backend.h"

#include <algorithm>
#include <utility>

namespace flaskscale::balancer {

std::string_view to_string(Life life) {
  switch (life) {
    case Life::booting:
      return "booting";
    case Life::warming:
      return "warming";
    case Life::ready:
      return "ready";
    case Life::draining:
      return "draining";
    case Life::gone:
      return "gone";
  }
  return "unknown";
}

Backend::Backend(uint64_t id, std::string address, uint32_t weight)
    : id_(id), address_(std::move(address)), weight_(std::max(weight, 1U)) {}

uint32_t Backend::in_flight() const {
  return has_cell_.load(std::memory_order_acquire) ? block_->in_flight(cell_) : 0;
}

uint32_t Backend::limit() const {
  return has_cell_.load(std::memory_order_acquire) ? block_->limit(cell_) : 0;
}

}  // namespace flaskscale::balancer
