#include "balancer/traffic_counters.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace flaskscale::balancer {
namespace {

using ReasonCounts = std::vector<std::pair<std::string, uint64_t>>;

// Keeps `totals` sorted by word.
void add_count(ReasonCounts& totals, std::string_view word, uint64_t count) {
  const auto place =
      std::lower_bound(totals.begin(), totals.end(), word,
                       [](const auto& entry, std::string_view key) { return entry.first < key; });
  if (place != totals.end() && place->first == word) {
    place->second += count;
  } else {
    totals.emplace(place, std::string(word), count);
  }
}

// For each bit width of a duration, the first bucket that such a duration can lie in: from there it
// is at most three bounds to its own.
constexpr std::array<uint8_t, 65> make_first_buckets() {
  std::array<uint8_t, 65> first{};
  for (size_t width = 1; width < first.size(); ++width) {
    const uint64_t least = uint64_t{1} << (width - 1);
    size_t bucket = 0;
    while (bucket < kLatencyBoundsUs.size() &&
           static_cast<uint64_t>(kLatencyBoundsUs[bucket]) < least) {
      ++bucket;
    }
    first[width] = static_cast<uint8_t>(bucket);
  }
  return first;
}
constexpr auto kFirstBuckets = make_first_buckets();

// `microseconds` is not negative.
size_t bucket_of(int64_t microseconds) {
  size_t bucket =
      kFirstBuckets[static_cast<size_t>(std::bit_width(static_cast<uint64_t>(microseconds)))];
  while (bucket < kLatencyBoundsUs.size() && kLatencyBoundsUs[bucket] < microseconds) ++bucket;
  return bucket;
}

size_t home_of(const char* word) {
  static_assert(std::has_single_bit(ReasonTable::kRoom));
  constexpr unsigned kShift = 64 - std::countr_zero(ReasonTable::kRoom);
  return static_cast<size_t>((reinterpret_cast<uintptr_t>(word) * 0x9e3779b97f4a7c15U) >> kShift);
}

}  // namespace

uint64_t LatencyTotals::count() const {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

double LatencyTotals::quantile(double share) const {
  const uint64_t all = count();
  if (all == 0) return 0;
  const double rank = std::clamp(share, 0.0, 1.0) * static_cast<double>(all);
  double below = 0;
  double lower = 0;
  for (size_t i = 0; i < kLatencyBoundsUs.size(); ++i) {
    const double upper = static_cast<double>(kLatencyBoundsUs[i]) * 1e-6;
    const double here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= rank) {
      return lower + (upper - lower) * std::max(0.0, rank - below) / here;
    }
    below += here;
    lower = upper;
  }
  return lower;
}

LatencyTotals& LatencyTotals::operator+=(const LatencyTotals& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum_seconds += other.sum_seconds;
  return *this;
}

void LatencyHistogram::record(Duration duration) {
  if (duration < Duration::zero()) return;
  // Rounded up: a bucket holds what is less than or equal to its bound.
  counts_[bucket_of(std::chrono::ceil<std::chrono::microseconds>(duration).count())].add(1);
  sum_seconds_.store(sum_seconds_.load(std::memory_order_relaxed) + to_seconds(duration),
                     std::memory_order_relaxed);
}

void LatencyHistogram::add_to(LatencyTotals& totals) const {
  for (size_t i = 0; i < counts_.size(); ++i) totals.counts[i] += counts_[i].read();
  totals.sum_seconds += sum_seconds_.load(std::memory_order_relaxed);
}

void ReasonTable::add(std::string_view word) {
  if (word.empty()) {
    other_.add(1);
    return;
  }
  const size_t home = home_of(word.data());
  for (size_t step = 0; step < kRoom; ++step) {
    Entry& entry = entries_[(home + step) % kRoom];
    const char* known = entry.word.load(std::memory_order_relaxed);
    if (known == nullptr) {
      entry.size.store(word.size(), std::memory_order_relaxed);
      // Release: pairs with the acquire in add_to(), so that a reader who sees the word sees its
      // size.
      entry.word.store(word.data(), std::memory_order_release);
      known = word.data();
    }
    if (known == word.data() && entry.size.load(std::memory_order_relaxed) == word.size()) {
      entry.count.add(1);
      return;
    }
  }
  other_.add(1);
}

void ReasonTable::add_to(ReasonCounts& totals) const {
  for (const Entry& entry : entries_) {
    const char* word = entry.word.load(std::memory_order_acquire);
    if (word == nullptr) continue;
    const uint64_t count = entry.count.read();
    if (count > 0) {
      add_count(totals, {word, entry.size.load(std::memory_order_relaxed)}, count);
    }
  }
  if (const uint64_t count = other_.read(); count > 0) add_count(totals, "other", count);
}

uint64_t TrafficTotals::requests() const {
  return std::accumulate(by_status.begin(), by_status.end(), without_response);
}

uint64_t TrafficTotals::responses(int status_class) const {
  if (status_class < 1 || status_class > 5) return 0;
  const auto first = by_status.begin() + (status_class - 1) * 100;
  return std::accumulate(first, first + 100, uint64_t{0});
}

uint64_t TrafficTotals::reason(std::string_view word) const {
  for (const auto& [known, count] : reasons) {
    if (known == word) return count;
  }
  return 0;
}

TrafficTotals& TrafficTotals::operator+=(const TrafficTotals& other) {
  for (size_t i = 0; i < by_status.size(); ++i) by_status[i] += other.by_status[i];
  without_response += other.without_response;
  for (const auto& [word, count] : other.reasons) add_count(reasons, word, count);
  tunnels_open += other.tunnels_open;
  tunnels += other.tunnels;
  request_duration += other.request_duration;
  queue_wait += other.queue_wait;
  connect += other.connect;
  first_byte += other.first_byte;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  retries += other.retries;
  aborted += other.aborted;
  return *this;
}

void TrafficCounters::record(const ExchangeRecord& record) {
  if (record.status >= kFirstStatus && record.status < kFirstStatus + kStatusCodes) {
    by_status_[record.status - kFirstStatus].add(1);
  } else {
    without_response_.add(1);
  }
  reasons_.add(record.reason);
  if (!record.tunnel) request_duration_.record(record.total);
  queue_wait_.record(record.queue);
  connect_.record(record.connect);
  first_byte_.record(record.first_byte);
  bytes_in_.add(record.bytes_in);
  bytes_out_.add(record.bytes_out);
  if (record.retries > 0) retries_.add(record.retries);
  if (record.aborted) aborted_.add(1);
}

void TrafficCounters::add_to(TrafficTotals& totals) const {
  for (size_t i = 0; i < by_status_.size(); ++i) totals.by_status[i] += by_status_[i].read();
  totals.without_response += without_response_.read();
  reasons_.add_to(totals.reasons);
  totals.tunnels_open += tunnels_open_.read();
  totals.tunnels += tunnels_.read();
  request_duration_.add_to(totals.request_duration);
  queue_wait_.add_to(totals.queue_wait);
  connect_.add_to(totals.connect);
  first_byte_.add_to(totals.first_byte);
  totals.bytes_in += bytes_in_.read();
  totals.bytes_out += bytes_out_.read();
  totals.retries += retries_.read();
  totals.aborted += aborted_.read();
}

WorkerTotals& WorkerTotals::operator+=(const WorkerTotals& other) {
  connections += other.connections;
  connections_accepted += other.connections_accepted;
  connections_handed_over += other.connections_handed_over;
  no_route += other.no_route;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  for (const auto& [word, count] : other.malformed) add_count(malformed, word, count);
  for (const auto& [word, count] : other.answered) add_count(answered, word, count);
  tls_full += other.tls_full;
  tls_resumed += other.tls_resumed;
  for (const auto& [word, count] : other.tls_failed) add_count(tls_failed, word, count);
  return *this;
}

void WorkerCounters::record_without_pool(const ExchangeRecord& record) {
  if (record.reason == kReasonNoRoute) {
    no_route_.add(1);
  } else if (record.intended) {
    answered_.add(record.reason);
  } else {
    malformed_.add(record.reason);
  }
  bytes_in_.add(record.bytes_in);
  bytes_out_.add(record.bytes_out);
}

void WorkerCounters::add_to(WorkerTotals& totals) const {
  totals.connections += open_.read();
  totals.connections_accepted += accepted_.read();
  totals.connections_handed_over += handed_over_.read();
  totals.no_route += no_route_.read();
  totals.bytes_in += bytes_in_.read();
  totals.bytes_out += bytes_out_.read();
  malformed_.add_to(totals.malformed);
  answered_.add_to(totals.answered);
  totals.tls_full += tls_full_.read();
  totals.tls_resumed += tls_resumed_.read();
  tls_failed_.add_to(totals.tls_failed);
}

}  // namespace flaskscale::balancer
