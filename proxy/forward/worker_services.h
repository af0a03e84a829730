// What the connections and exchanges of one worker share.
#pragma once

#include <atomic>
#include <chrono>
#include <ctime>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "balancer/admission.h"
#include "balancer/exchange_record.h"
#include "balancer/traffic_counters.h"
#include "base/random.h"
#include "base/timeout_list.h"
#include "proxy/forward/address_book.h"
#include "proxy/forward/buffer_pool.h"
#include "proxy/forward/flushed.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/snapshot.h"
#include "proxy/forward/tunnel_state.h"
#include "proxy/forward/turn_ration.h"
#include "proxy/http/head.h"
#include "proxy/http/http2_response_fields.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/tls_io.h"

namespace flaskscale::forward {

class AcmeChallenges;
class Exchange;

// Steps of TLS handshakes in a turn of the loop: each may be a third of a millisecond of signing.
inline constexpr uint32_t kHandshakesInTurn = 1;
// Connections that may begin more of the requests that they have sent at once.
inline constexpr uint32_t kRequestSharesInTurn = 1;

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
  // Its flush() is called at the end of this turn; it stays until then, or is retired.
  void flush_later(Flushed& flushed) { to_flush_.push_back(&flushed); }
  // At the end of each turn.
  void recycle();
  // Before the loop waits: steps of the work that is rationed. False: there was none.
  bool serve_waiting();

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
  net::TlsIo tls_io;
  TurnRation handshakes;
  TurnRation http2_requests;  // of connections that send many at once; a step is one's share
  balancer::WorkerCounters counters;                // any thread reads
  const AcmeChallenges* acme_challenges = nullptr;  // null: none
  balancer::ExchangeSink* access_log = nullptr;     // null: off
  bool draining = false;                            // connections end after their exchange
  std::optional<DrainWindow> drain_window;          // while draining
  std::vector<Exchange*> tunnels;                   // those that are one just now, in any order

  // Reused for every message; what they hold stands until the next read or head.
  std::vector<char> read_buffer;
  http::RequestHead request_head;
  http::ResponseHead response_head;
  std::string head_out;
  http::ResponseHead edited_head;  // a response head as a route or pool changes it
  std::string route_text;          // what the fields and the path that a route writes hold
  http::Http2ResponseFields http2_fields;

  // Deadlines. Owners: ClientConnection …
  TimeoutList client_idle;
  TimeoutList client_header;
  TimeoutList client_body;
  TimeoutList client_linger;
  // … Http2Stream …
  TimeoutList http2_request;
  TimeoutList http2_response;
  // … and Exchange.
  TimeoutList exchange_pause;
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
  std::vector<Flushed*> to_flush_;
  std::vector<std::unique_ptr<Exchange>> ended_exchanges_;  // this turn
  std::chrono::system_clock::time_point wall_start_;
  Time steady_start_;
  std::time_t date_second_ = 0;
  std::string date_;
  std::string request_id_;
};

}  // namespace flaskscale::forward
