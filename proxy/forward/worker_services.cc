#include "proxy/forward/worker_services.h"

#include <algorithm>
#include <ctime>

#include "base/check.h"
#include "proxy/forward/client_connection.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/http2_connection.h"

namespace flaskscale::forward {
namespace {

constexpr size_t kKeptExchanges = 256;

template <typename Owner>
void expire(TimeoutList& list, Time now, Duration limit, void (Owner::*on_timeout)()) {
  while (void* owner = list.take_expired(now, limit)) (static_cast<Owner*>(owner)->*on_timeout)();
}

}  // namespace

WorkerServices::WorkerServices(net::EventLoop& event_loop, uint16_t worker_number, uint64_t seed,
                               AddressBook& book, balancer::WaiterHome& waiter_home)
    : loop(event_loop),
      worker(worker_number),
      random(seed),
      address_book(book),
      home(waiter_home),
      tls_io(event_loop),
      handshakes(kHandshakesInTurn),
      http2_requests(kRequestSharesInTurn),
      read_buffer(kReadBytes),
      wall_start_(std::chrono::system_clock::now()),
      steady_start_(Clock::now()) {}

WorkerServices::~WorkerServices() = default;

void WorkerServices::adopt(std::shared_ptr<const Snapshot> snapshot) {
  auto local = std::make_unique<LocalSnapshot>();
  for (const PoolEntry& entry : snapshot->pools) local->pools.push_back(&local_pool(entry));
  local->shared = std::move(snapshot);
  current_ = local.get();
  snapshots_.push_back(std::move(local));
  drop_unused();
}

LocalPool& WorkerServices::local_pool(const PoolEntry& entry) {
  const auto found = std::find_if(pools_.begin(), pools_.end(), [&](const auto& pool) {
    return pool->runtime() == entry.runtime;
  });
  if (found != pools_.end()) {
    (*found)->keepalive_idle = entry.keepalive_idle;
    const PoolTraits& before = (*found)->traits;
    if (before.tls != entry.traits.tls || before.h2c != entry.traits.h2c) (*found)->drop_all_idle();
    (*found)->traits = entry.traits;
    return **found;
  }
  pools_.push_back(std::make_unique<LocalPool>(entry.runtime, worker, random.next()));
  pools_.back()->keepalive_idle = entry.keepalive_idle;
  pools_.back()->traits = entry.traits;
  return *pools_.back();
}

// Old snapshots that no exchange uses any more, then the pools that no snapshot has.
void WorkerServices::drop_unused() {
  snapshots_.remove_if(
      [this](const auto& local) { return local.get() != current_ && local->uses == 0; });
  std::erase_if(pools_, [this](const auto& pool) {
    return std::none_of(snapshots_.begin(), snapshots_.end(), [&](const auto& local) {
      return std::find(local->pools.begin(), local->pools.end(), pool.get()) != local->pools.end();
    });
  });
}

Exchange* WorkerServices::take_exchange() {
  if (free_exchanges_.empty()) return std::make_unique<Exchange>(*this).release();
  Exchange* const exchange = free_exchanges_.back().release();
  free_exchanges_.pop_back();
  return exchange;
}

void WorkerServices::give_exchange(Exchange* exchange) { ended_exchanges_.emplace_back(exchange); }

void WorkerServices::recycle() {
  // One may ask for another turn of its own, or of another's.
  for (size_t i = 0; i < to_flush_.size(); ++i) to_flush_[i]->flush();
  to_flush_.clear();
  for (auto& exchange : ended_exchanges_) {
    exchange->reset();
    if (free_exchanges_.size() < kKeptExchanges) free_exchanges_.push_back(std::move(exchange));
  }
  ended_exchanges_.clear();
}

bool WorkerServices::serve_waiting() {
  const bool requests = http2_requests.serve();
  const bool hands = handshakes.serve();
  return requests || hands;
}

void WorkerServices::check_timeouts(Time now) {
  const auto& timeouts = snapshot().timeouts;
  expire(client_idle, now, timeouts.idle, &ClientSession::on_timeout);
  expire(client_header, now, timeouts.header, &ClientSession::on_timeout);
  expire(client_body, now, timeouts.body, &ClientSession::on_timeout);
  expire(client_linger, now, ClientConnection::kLinger, &ClientSession::on_timeout);
  expire(http2_request, now, timeouts.body, &Http2Stream::on_request_timeout);
  expire(http2_response, now, timeouts.body, &Http2Stream::on_response_timeout);
  expire(exchange_pause, now, Exchange::kRetryPause, &Exchange::on_pause_end);
  expire(exchange_connect, now, timeouts.connect, &Exchange::on_connect_timeout);
  expire(exchange_response, now, timeouts.response, &Exchange::on_response_timeout);
  expire(exchange_tunnel, now, timeouts.tunnel_idle, &Exchange::on_tunnel_timeout);
  // Backwards: one that ends gives its place to the last. With it may go others of its connection.
  for (size_t i = tunnels.size(); i-- > 0;) {
    if (i < tunnels.size()) tunnels[i]->check_tunnel(now);
  }
  for (const auto& pool : pools_) {
    pool->check_queue(now);
    pool->check_idle(now);
  }
  if (snapshots_.size() > 1) drop_unused();
}

void WorkerServices::close_pools() {
  for (const auto& pool : pools_) pool->drop_all_idle();
}

int64_t WorkerServices::wall_ms(Time at) const {
  const auto wall = wall_start_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                      at - steady_start_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count();
}

std::string_view WorkerServices::http_date() {
  const std::time_t second = std::time(nullptr);
  if (second != date_second_) {
    date_second_ = second;
    std::tm utc{};
    gmtime_r(&second, &utc);
    char text[40];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc));
  }
  return date_;
}

std::string_view WorkerServices::new_request_id() {
  static constexpr char kDigits[] = "0123456789abcdef";
  request_id_.resize(32);
  for (size_t half = 0; half < 2; ++half) {
    uint64_t bits = random.next();
    for (size_t i = 0; i < 16; ++i, bits >>= 4U) request_id_[half * 16 + i] = kDigits[bits & 15U];
  }
  return request_id_;
}

}  // namespace flaskscale::forward
