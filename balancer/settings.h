// How one pool balances, queues and judges its backends: the values a reload may change.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/keyed_hash.h"
#include "base/time.h"

namespace flaskscale::balancer {

enum class Policy : uint8_t { least_connections, round_robin, random_two, consistent_hash };
enum class QueueOrder : uint8_t { adaptive, fifo };

inline constexpr uint32_t kUnlimitedSlots = 0xffffffffU;

struct PoolSettings {
  Policy policy = Policy::least_connections;
  std::optional<HashKey> sticky_key;  // sticky sessions: makes a backend's name of its address
  uint32_t slots = kUnlimitedSlots;   // per backend

  uint32_t queue_limit = 1000;          // waiting requests
  uint64_t queue_bytes = 64ULL << 20U;  // memory that waiting requests hold
  Duration queue_timeout = std::chrono::seconds(30);
  QueueOrder queue_order = QueueOrder::adaptive;
  Duration slow_after = std::chrono::milliseconds(500);

  Duration slow_start = std::chrono::seconds(10);  // slot ramp of a new backend; 0: none

  uint32_t health_rise = 2;
  uint32_t health_fall = 3;

  double retry_budget = 0.2;  // of the requests in flight
  uint32_t retry_floor = 3;

  uint32_t eject_after = 5;                       // consecutive failures
  Duration eject_base = std::chrono::seconds(5);  // doubles with each ejection in a row
  Duration eject_max = std::chrono::seconds(60);
  double eject_max_share = 0.5;  // above it nobody is ejected (fail open)
};

}  // namespace flaskscale::balancer
