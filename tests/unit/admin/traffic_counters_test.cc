#include "balancer/traffic_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <initializer_list>
#include <memory>
#include <thread>

#include "tests/unit/admin/allocation_count.h"

namespace flaskscale::balancer {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Pair;

TrafficTotals totals_of(const TrafficCounters& counters) {
  TrafficTotals totals;
  counters.add_to(totals);
  return totals;
}

LatencyTotals totals_of(const LatencyHistogram& histogram) {
  LatencyTotals totals;
  histogram.add_to(totals);
  return totals;
}

TEST(TrafficCounters, CountsAnExchangeOnce) {
  auto counters = std::make_unique<TrafficCounters>();
  ExchangeRecord record;
  record.status = 503;
  record.reason = "queue_full";
  record.bytes_in = 10;
  record.bytes_out = 20;
  record.retries = 2;
  record.aborted = true;
  record.queue = milliseconds(3);
  record.total = milliseconds(4);

  counters->record(record);

  const TrafficTotals totals = totals_of(*counters);
  EXPECT_EQ(totals.by_status[503 - kFirstStatus], 1U);
  EXPECT_EQ(totals.requests(), 1U);
  EXPECT_EQ(totals.responses(5), 1U);
  EXPECT_EQ(totals.responses(2), 0U);
  EXPECT_EQ(totals.reason("queue_full"), 1U);
  EXPECT_EQ(totals.reason("ok"), 0U);
  EXPECT_EQ(totals.bytes_in, 10U);
  EXPECT_EQ(totals.bytes_out, 20U);
  EXPECT_EQ(totals.retries, 2U);
  EXPECT_EQ(totals.aborted, 1U);
  EXPECT_EQ(totals.queue_wait.count(), 1U);
  EXPECT_EQ(totals.request_duration.count(), 1U);
  EXPECT_EQ(totals.connect.count(), 0U);
  EXPECT_EQ(totals.first_byte.count(), 0U);
}

TEST(TrafficCounters, CountsStatusesOutsideTheRangeAsNoResponse) {
  auto counters = std::make_unique<TrafficCounters>();
  ExchangeRecord record;
  for (const uint16_t status : std::initializer_list<uint16_t>{0, 99, 600, 65535}) {
    record.status = status;
    counters->record(record);
  }
  for (const uint16_t status : std::initializer_list<uint16_t>{100, 599}) {
    record.status = status;
    counters->record(record);
  }

  const TrafficTotals totals = totals_of(*counters);
  EXPECT_EQ(totals.without_response, 4U);
  EXPECT_EQ(totals.responses(1), 1U);
  EXPECT_EQ(totals.responses(5), 1U);
  EXPECT_EQ(totals.responses(0), 0U);
  EXPECT_EQ(totals.responses(6), 0U);
  EXPECT_EQ(totals.requests(), 6U);
}

TEST(TrafficCounters, AddsUpSeveralWorkers) {
  auto a = std::make_unique<TrafficCounters>();
  auto b = std::make_unique<TrafficCounters>();
  ExchangeRecord record;
  record.status = 200;
  record.total = seconds(1);
  a->record(record);
  b->record(record);
  record.reason = "client_left";
  b->record(record);

  TrafficTotals totals = totals_of(*a);
  totals += totals_of(*b);

  EXPECT_EQ(totals.responses(2), 3U);
  EXPECT_THAT(totals.reasons, ElementsAre(Pair("client_left", 1U), Pair("ok", 2U)));
  EXPECT_EQ(totals.request_duration.count(), 3U);
  EXPECT_DOUBLE_EQ(totals.request_duration.sum_seconds, 3.0);
}

TEST(TrafficCounters, NeverAllocatesWhenRecording) {
  auto counters = std::make_unique<TrafficCounters>();
  auto worker = std::make_unique<WorkerCounters>();
  ExchangeRecord record;
  record.status = 200;
  record.total = milliseconds(5);

  const uint64_t before = allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) {
    record.reason = i % 3 == 0 ? "ok" : "backend_broke";
    counters->record(record);
    worker->on_accepted();
    worker->record_without_pool(record);
  }

  EXPECT_EQ(allocations_of_this_thread(), before);
}

TEST(TrafficCounters, AreReadWhileTheirWorkerWrites) {
  auto counters = std::make_unique<TrafficCounters>();
  std::atomic<bool> done{false};
  std::thread worker([&] {
    ExchangeRecord record;
    record.status = 200;
    record.total = milliseconds(1);
    for (int i = 0; i < 20000; ++i) {
      record.reason = i % 2 == 0 ? "ok" : "client_left";
      counters->record(record);
    }
    done.store(true);
  });

  uint64_t last = 0;
  while (!done.load()) {
    const TrafficTotals totals = totals_of(*counters);
    EXPECT_GE(totals.requests(), last);
    last = totals.requests();
  }
  worker.join();

  EXPECT_EQ(totals_of(*counters).requests(), 20000U);
  EXPECT_EQ(totals_of(*counters).reason("client_left"), 10000U);
}

TEST(LatencyHistogram, PutsABoundIntoItsOwnBucket) {
  LatencyHistogram histogram;
  histogram.record(milliseconds(1));
  histogram.record(milliseconds(1) + std::chrono::nanoseconds(1));
  histogram.record(microseconds(1500));
  histogram.record(seconds(120));
  histogram.record(seconds(120) + microseconds(1));
  histogram.record(Duration::zero());
  histogram.record(kNotMeasured);

  const LatencyTotals totals = totals_of(histogram);
  EXPECT_EQ(totals.counts[0], 2U);
  EXPECT_EQ(totals.counts[1], 2U);
  EXPECT_EQ(totals.counts[kLatencyBuckets - 2], 1U);
  EXPECT_EQ(totals.counts[kLatencyBuckets - 1], 1U);
  EXPECT_EQ(totals.count(), 6U);
}

TEST(LatencyHistogram, KnowsEveryBound) {
  for (size_t i = 0; i < kLatencyBoundsUs.size(); ++i) {
    LatencyHistogram histogram;
    histogram.record(microseconds(kLatencyBoundsUs[i] - 1));
    histogram.record(microseconds(kLatencyBoundsUs[i]));
    histogram.record(microseconds(kLatencyBoundsUs[i] + 1));

    EXPECT_EQ(totals_of(histogram).counts[i], 2U);
    EXPECT_EQ(totals_of(histogram).counts[i + 1], 1U);
  }
  LatencyHistogram histogram;
  histogram.record(Duration::max());
  EXPECT_EQ(totals_of(histogram).counts[kLatencyBuckets - 1], 1U);
}

TEST(LatencyTotals, EstimateQuantilesWithinTheirBucket) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(milliseconds(i));

  const LatencyTotals totals = totals_of(histogram);
  EXPECT_NEAR(totals.quantile(0.5), 0.5, 0.01);
  EXPECT_NEAR(totals.quantile(0.99), 0.99, 0.02);
  EXPECT_NEAR(totals.quantile(1), 1.0, 1e-9);
  EXPECT_GE(totals.quantile(0), 0.0);
}

TEST(LatencyTotals, AnswerZeroWhenNothingWasCounted) {
  EXPECT_EQ(LatencyTotals().quantile(0.5), 0.0);
}

TEST(LatencyTotals, NeverEstimateAboveTheLastBound) {
  LatencyHistogram histogram;
  histogram.record(seconds(100000));

  EXPECT_DOUBLE_EQ(totals_of(histogram).quantile(0.99), 120.0);
}

TEST(ReasonTable, CountsWhatHasNoRoomAsOther) {
  static std::array<std::string, 200> words;
  ReasonTable table;
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = "word" + std::to_string(i);
    table.add(words[i]);
    table.add(words[i]);
  }
  table.add("");

  std::vector<std::pair<std::string, uint64_t>> totals;
  table.add_to(totals);

  EXPECT_EQ(totals.size(), ReasonTable::kRoom + 1);
  uint64_t sum = 0;
  for (const auto& [word, count] : totals) sum += count;
  EXPECT_EQ(sum, 401U);
  EXPECT_TRUE(std::is_sorted(totals.begin(), totals.end()));
}

TEST(ReasonTable, MergesTheSameTextAtTwoPlaces) {
  static const char first[] = "client_left";
  static const char second[] = "client_left";
  ReasonTable table;
  table.add(first);
  table.add(second);
  table.add(std::string_view(first, 6));

  std::vector<std::pair<std::string, uint64_t>> totals;
  table.add_to(totals);

  EXPECT_THAT(totals, ElementsAre(Pair("client", 1U), Pair("client_left", 2U)));
}

TEST(TrafficCounters, CountsTunnelsApartFromRequests) {
  auto counters = std::make_unique<TrafficCounters>();
  counters->on_tunnel_opened();
  counters->on_tunnel_opened();
  counters->on_tunnel_closed();
  ExchangeRecord record;
  record.status = 101;
  record.tunnel = true;
  record.total = std::chrono::hours(1);
  counters->record(record);

  const TrafficTotals totals = totals_of(*counters);
  EXPECT_EQ(totals.tunnels_open, 1U);
  EXPECT_EQ(totals.tunnels, 2U);
  EXPECT_EQ(totals.requests(), 1U);
  EXPECT_EQ(totals.request_duration.count(), 0U);
}

TEST(WorkerCounters, CountsWhatTheConfigurationAnswersApartFromTheMalformed) {
  WorkerCounters counters;
  ExchangeRecord record;
  record.reason = "redirect";
  record.intended = true;
  counters.record_without_pool(record);

  WorkerTotals totals;
  counters.add_to(totals);
  totals += WorkerTotals(totals);
  EXPECT_THAT(totals.answered, ElementsAre(Pair("redirect", 2U)));
  EXPECT_TRUE(totals.malformed.empty());
}

TEST(WorkerCounters, CountsConnectionsAndWhatNoPoolSaw) {
  WorkerCounters counters;
  counters.on_accepted();
  counters.on_accepted();
  counters.on_handed_over();
  counters.on_opened();
  counters.on_opened();
  counters.on_closed();
  ExchangeRecord record;
  record.bytes_in = 5;
  record.bytes_out = 7;
  record.reason = "no_route";
  counters.record_without_pool(record);
  record.reason = "bad_header_name";
  counters.record_without_pool(record);

  WorkerTotals totals;
  counters.add_to(totals);
  totals += WorkerTotals(totals);

  EXPECT_EQ(counters.connections(), 1U);
  EXPECT_EQ(totals.connections, 2U);
  EXPECT_EQ(totals.connections_accepted, 4U);
  EXPECT_EQ(totals.connections_handed_over, 2U);
  EXPECT_EQ(totals.no_route, 2U);
  EXPECT_EQ(totals.bytes_in, 20U);
  EXPECT_EQ(totals.bytes_out, 28U);
  EXPECT_THAT(totals.malformed, ElementsAre(Pair("bad_header_name", 2U)));
}

}  // namespace
}  // namespace flaskscale::balancer
