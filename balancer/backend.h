// One backend of a pool as all threads see it: its address, its slots and its condition.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "balancer/load_block.h"
#include "base/time.h"

namespace flaskscale::balancer {

// Life of a backend. A static backend starts in `booting` too: it serves after its first good
// check, and is `booting` again while it is down.
enum class Life : uint8_t { booting, warming, ready, draining, gone };
std::string_view to_string(Life life);

// How an exchange with a backend ended, for the passive checks.
enum class ExchangeResult : uint8_t {
  ok,
  server_error,
  connect_failed,
  broken,
  timed_out,
  client_left
};

// The in-flight count and the limit that holds now share one atomic word, so that a request is
// never counted in against a limit that has just been lowered: after drain() returns, no take
// succeeds.
class Backend {
 public:
  Backend(uint64_t id, std::string address, uint32_t weight);
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // Constant after construction. Any thread.
  uint64_t id() const { return id_; }                      // unique in the process, never reused
  const std::string& address() const { return address_; }  // "host:port", the registry's key
  uint32_t weight() const { return weight_; }

  // Any thread.
  uint32_t in_flight() const;
  uint32_t limit() const;  // slots that may be taken now; 0 while down, ejected or draining
  Life life() const { return life_.load(std::memory_order_relaxed); }
  bool is_up() const { return up_.load(std::memory_order_relaxed); }
  bool is_ejected() const { return ejected_.load(std::memory_order_relaxed); }
  // While draining: when it was told to, and when what is left there will be cut; the same if
  // never.
  Time drain_begins() const {
    return Time(Duration(drain_begins_.load(std::memory_order_relaxed)));
  }
  Time drain_ends() const { return Time(Duration(drain_ends_.load(std::memory_order_relaxed))); }

 private:
  friend class Pool;
  friend class Roster;

  const uint64_t id_;
  const std::string address_;
  const uint32_t weight_;
  // Set by Roster before anybody else sees the backend. Shared: idle connections may hold a backend
  // longer than its pool holds the block.
  std::shared_ptr<LoadBlock> block_;
  uint32_t cell_ = 0;
  std::atomic<bool> has_cell_{
      false};  // false again once gone and idle: the cell may have a new owner
  alignas(64) std::atomic<Life> life_{Life::booting};
  std::atomic<bool> up_{false};
  std::atomic<bool> ejected_{false};
  std::atomic<Duration::rep> drain_begins_{0};
  std::atomic<Duration::rep> drain_ends_{0};
  std::atomic<uint32_t> failures_in_a_row_{0};
  std::atomic<uint32_t> connect_failures_in_a_row_{0};
};

}  // namespace flaskscale::balancer
