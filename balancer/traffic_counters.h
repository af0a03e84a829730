// What passed through a pool and through a worker, counted without a lock where it happens.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balancer/exchange_record.h"
#include "base/time.h"

namespace flaskscale::balancer {

// The upper bounds of all latency buckets but the last (which has none), in microseconds: 1 ms to
// 120 s, six a decade.
inline constexpr std::array<int64_t, 30> kLatencyBoundsUs = {
    1'000,      1'500,      2'000,      3'000,      5'000,      7'000,      //
    10'000,     15'000,     20'000,     30'000,     50'000,     70'000,     //
    100'000,    150'000,    200'000,    300'000,    500'000,    700'000,    //
    1'000'000,  1'500'000,  2'000'000,  3'000'000,  5'000'000,  7'000'000,  //
    10'000'000, 15'000'000, 20'000'000, 30'000'000, 60'000'000, 120'000'000};
inline constexpr size_t kLatencyBuckets = kLatencyBoundsUs.size() + 1;

inline constexpr uint16_t kFirstStatus = 100;
inline constexpr size_t kStatusCodes = 500;  // 100 to 599

// A counter with one writer: adding is a plain load and store, so no locked instruction. Any thread
// reads.
class WorkerCounter {
 public:
  void add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Several histograms added up: plain values.
struct LatencyTotals {
  std::array<uint64_t, kLatencyBuckets> counts{};  // not cumulative; the last is "above 120 s"
  double sum_seconds = 0;

  uint64_t count() const;
  // Estimated by interpolation inside the bucket, seconds; `share` in [0, 1]. 0 when nothing was
  // counted; never above the last bound.
  double quantile(double share) const;
  LatencyTotals& operator+=(const LatencyTotals& other);
};

// One writer; any thread reads.
class LatencyHistogram {
 public:
  // Negative durations (never measured) are not counted.
  void record(Duration duration);
  void add_to(LatencyTotals& totals) const;

 private:
  std::array<WorkerCounter, kLatencyBuckets> counts_{};
  std::atomic<double> sum_seconds_{0};
};

// Counts by static word. Bounded: words beyond the table's room are counted as "other". One writer;
// any thread reads.
class ReasonTable {
 public:
  static constexpr size_t kRoom = 64;

  // `word` points into static storage.
  void add(std::string_view word);
  // Adds every word that was counted to `totals`, merging words of the same text.
  void add_to(std::vector<std::pair<std::string, uint64_t>>& totals) const;

 private:
  struct Entry {
    std::atomic<const char*> word{nullptr};  // published last, with release: size stands before it
    std::atomic<size_t> size{0};
    WorkerCounter count;
  };
  std::array<Entry, kRoom> entries_{};
  WorkerCounter other_;
};

// The counters of several workers for one pool, added up.
struct TrafficTotals {
  std::array<uint64_t, kStatusCodes> by_status{};  // index 0 is status 100
  uint64_t without_response = 0;  // the client left before a response head was sent
  std::vector<std::pair<std::string, uint64_t>> reasons;  // sorted by word
  uint64_t tunnels_open = 0;
  uint64_t tunnels = 0;            // ever
  LatencyTotals request_duration;  // without tunnels
  LatencyTotals queue_wait;
  LatencyTotals connect;
  LatencyTotals first_byte;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t retries = 0;
  uint64_t aborted = 0;  // the response had begun and was cut short

  uint64_t requests() const;
  // Of the class 1 (1xx) to 5 (5xx).
  uint64_t responses(int status_class) const;
  // 0 for a reason never seen.
  uint64_t reason(std::string_view word) const;
  TrafficTotals& operator+=(const TrafficTotals& other);
};

// One pool at one worker. record(): only that worker's thread, no lock, no allocation. add_to():
// any thread; the numbers of one reading may lie one exchange apart from each other, each only
// grows.
class alignas(64) TrafficCounters {
 public:
  TrafficCounters() = default;
  TrafficCounters(const TrafficCounters&) = delete;
  TrafficCounters& operator=(const TrafficCounters&) = delete;

  void record(const ExchangeRecord& record);
  // A request became a tunnel (WebSocket); one on_tunnel_closed() follows.
  void on_tunnel_opened() {
    tunnels_open_.add(1);
    tunnels_.add(1);
  }
  void on_tunnel_closed() { tunnels_open_.subtract(1); }
  void add_to(TrafficTotals& totals) const;

 private:
  WorkerCounter bytes_in_;
  WorkerCounter bytes_out_;
  WorkerCounter retries_;
  WorkerCounter aborted_;
  WorkerCounter without_response_;
  WorkerCounter tunnels_open_;
  WorkerCounter tunnels_;
  LatencyHistogram request_duration_;
  LatencyHistogram queue_wait_;
  LatencyHistogram connect_;
  LatencyHistogram first_byte_;
  ReasonTable reasons_;
  std::array<WorkerCounter, kStatusCodes> by_status_{};
};

// The counters of several workers that belong to no pool, added up.
struct WorkerTotals {
  uint64_t connections = 0;  // open now
  uint64_t connections_accepted = 0;
  uint64_t connections_handed_over = 0;
  uint64_t no_route = 0;
  uint64_t bytes_in = 0;  // of exchanges that ended before a pool was known
  uint64_t bytes_out = 0;
  std::vector<std::pair<std::string, uint64_t>> malformed;  // by reason, sorted by word
  std::vector<std::pair<std::string, uint64_t>> answered;   // by routes: by reason, sorted by word
  uint64_t tls_full = 0;                                    // handshakes that went well
  uint64_t tls_resumed = 0;
  std::vector<std::pair<std::string, uint64_t>> tls_failed;  // by reason, sorted by word

  WorkerTotals& operator+=(const WorkerTotals& other);
};

// One worker, whatever the pool. Writing: only that worker's thread. add_to(): any thread.
class alignas(64) WorkerCounters {
 public:
  WorkerCounters() = default;
  WorkerCounters(const WorkerCounters&) = delete;
  WorkerCounters& operator=(const WorkerCounters&) = delete;

  // A connection came from the listener; it stays here or is handed to another worker.
  void on_accepted() { accepted_.add(1); }
  void on_handed_over() { handed_over_.add(1); }
  // A connection is served by this worker from now on; one on_closed() follows.
  void on_opened() { open_.add(1); }
  void on_closed() { open_.subtract(1); }
  // An exchange that ended before a pool was known: no route, answered as configured, or malformed
  // for `record.reason`.
  void record_without_pool(const ExchangeRecord& record);

  enum class Handshake : uint8_t { full, resumed };
  void on_handshake(Handshake kind) { (kind == Handshake::full ? tls_full_ : tls_resumed_).add(1); }
  // `reason` points into static storage.
  void on_handshake_failed(std::string_view reason) { tls_failed_.add(reason); }

  uint64_t connections() const { return open_.read(); }
  void add_to(WorkerTotals& totals) const;

 private:
  WorkerCounter open_;
  WorkerCounter accepted_;
  WorkerCounter handed_over_;
  WorkerCounter no_route_;
  WorkerCounter bytes_in_;
  WorkerCounter bytes_out_;
  WorkerCounter tls_full_;
  WorkerCounter tls_resumed_;
  ReasonTable malformed_;
  ReasonTable answered_;
  ReasonTable tls_failed_;
};

}  // namespace flaskscale::balancer
