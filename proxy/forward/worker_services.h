// What the connections and exchanges of one worker share.
#pragma once

#include <atomic>
#include <chrono>
#include <ctime>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "balancer/admission.h"
#include "balancer/exchange_record.h"
#include "balancer/traffic_counters.h"
#include "base/random.h"
#include "base/timeout_list.h"
#include "proxy/forward/address_book.h"
#include "proxy/forward/buffer_pool.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/snapshot.h"
#include "proxy/http/head.h"
#include "proxy/net/event_loop.h"

namespace flaskscale::forward {

class Exchange;

// A snapshot as one worker uses it: with its own side of each pool, and counted without atomics.
struct LocalSnapshot {
  std::shared_ptr<const Snapshot> shared;
  std::vector<LocalPool*> pools;  // by pool index of the snapshot
  uint64_t uses = 0;              // exchanges that began under it
};

// Worker thread only, but for what says otherwise.
class WorkerServices {
 public:
  static constexpr size_t kReadBytes = 128U << 10U;

  WorkerServices(net::EventLoop& loop, uint16_t worker, uint64_t seed, AddressBook& address_book,
                 balancer::WaiterHome& home);
  ~WorkerServices();
  WorkerServices(const WorkerServices&) = delete;
  WorkerServices& operator=(const WorkerServices&) = delete;

  const Snapshot& snapshot() const { return *current_->shared; }
  LocalSnapshot& current() { return *current_; }
  // From now on new exchanges use this one.
  void adopt(std::shared_ptr<const Snapshot> snapshot);

  // An exchange from the free list, and back to it at the end of this turn: it may still be on the
  // stack.
  Exchange* take_exchange();
  void give_exchange(Exchange* exchange);
  // At the end of each turn.
  void recycle();

  // Drops the idle backend connections of all pools, at the end.
  void close_pools();

  // The expired deadlines of all lists.
  void check_timeouts(Time now);

  int64_t wall_ms(Time at) const;
  // RFC 9110 section 5.6.7, made once a second.
  std::string_view http_date();
  // 32 hexadecimal digits in a buffer that the next call overwrites.
  std::string_view new_request_id();

  net::EventLoop& loop;
  const uint16_t worker;
  Random random;
  AddressBook& address_book;
  balancer::WaiterHome& home;
  BufferPool buffers;
  balancer::WorkerCounters counters;             // any thread reads
  balancer::ExchangeSink* access_log = nullptr;  // null: off
  bool draining = false;                         // connections end after their exchange

  // Reused for every message; what they hold stands until the next read or head.
  std::vector<char> read_buffer;
  http::RequestHead request_head;
  http::ResponseHead response_head;
  std::string head_out;

  // Deadlines. Owners: ClientConnection …
  TimeoutList client_idle;
  TimeoutList client_header;
  TimeoutList client_body;
  TimeoutList client_linger;
  // … and Exchange.
  TimeoutList exchange_connect;
  TimeoutList exchange_response;
  TimeoutList exchange_tunnel;

 private:
  LocalPool& local_pool(const PoolEntry& entry);
  void drop_unused();

  std::list<std::unique_ptr<LocalSnapshot>> snapshots_;  // the current one last
  LocalSnapshot* current_ = nullptr;
  std::vector<std::unique_ptr<LocalPool>> pools_;
  std::vector<std::unique_ptr<Exchange>> free_exchanges_;
  std::vector<std::unique_ptr<Exchange>> ended_exchanges_;  // this turn
  std::chrono::system_clock::time_point wall_start_;
  Time steady_start_;
  std::time_t date_second_ = 0;
  std::string date_;
  std::string request_id_;
};

}  // namespace flaskscale::forward
