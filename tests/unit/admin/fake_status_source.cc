#include "tests/unit/admin/fake_status_source.h"

#include <chrono>

namespace flaskscale::admin {
namespace {

using std::chrono::milliseconds;

balancer::TrafficTotals sample_traffic() {
  balancer::TrafficCounters counters;
  balancer::ExchangeRecord record;
  record.status = 200;
  record.bytes_in = 100;
  record.bytes_out = 1000;
  record.queue = milliseconds(0);
  record.connect = milliseconds(1);
  record.first_byte = milliseconds(9);
  record.total = milliseconds(10);
  for (int i = 0; i < 120; ++i) counters.record(record);
  record.status = 404;
  counters.record(record);
  record.status = 503;
  record.reason = "queue_full";
  record.connect = record.first_byte = balancer::kNotMeasured;
  counters.record(record);
  record.status = 502;
  record.reason = "connect_failed";
  record.retries = 2;
  counters.record(record);
  record.status = 0;
  record.reason = "client_left";
  record.retries = 0;
  counters.record(record);
  balancer::TrafficTotals totals;
  counters.add_to(totals);
  return totals;
}

balancer::WorkerTotals sample_connections() {
  balancer::WorkerCounters counters;
  for (int i = 0; i < 14; ++i) counters.on_accepted();
  for (int i = 0; i < 13; ++i) counters.on_opened();
  counters.on_closed();
  counters.on_handed_over();
  balancer::ExchangeRecord record;
  record.reason = "no_route";
  counters.record_without_pool(record);
  record.reason = "bad_header_name";
  counters.record_without_pool(record);
  balancer::WorkerTotals totals;
  counters.add_to(totals);
  return totals;
}

ScalingStatus sample_scaling() {
  ScalingStatus scaling;
  scaling.provider = "process";
  scaling.mode = "act";
  scaling.min = 1;
  scaling.max = 8;
  scaling.desired = 3;
  scaling.planned = 2;
  scaling.offered_load = 2.4;
  scaling.arrival_rate = 12;
  scaling.service_time_seconds = 0.2;
  scaling.boot_seconds = 3.1;
  scaling.instance_seconds = 123.4;
  scaling.instances_by_state = {{"booting", 1}, {"warming", 0},  {"ready", 1}, {"draining", 0},
                                {"standby", 2}, {"deleting", 0}, {"failed", 0}};
  scaling.instances = {{"demo-ab12", "4711", "127.0.0.1:5001", "us-a", "v3", "ready", 12.1, 1, ""}};
  scaling.forecast = "trend";
  scaling.last_error = "the list failed";
  scaling.alarms = {{"stockout", "No machine is to be had.", 12.5}};
  scaling.hook_events = {{"delivered", 5}, {"dropped", 0}};
  scaling.last_decision = sample_decision();
  scaling.decisions_total = {{"scale_out", "offered_load", 3}, {"hold", "enough", 40}};
  return scaling;
}

PoolStatus sample_pool() {
  PoolStatus pool;
  pool.name = "demo";
  pool.settings.slots = 8;
  pool.load.arrivals = 124;
  pool.load.in_flight = 3;
  pool.load.queued = 5;
  pool.load.queued_bytes = 4096;
  pool.load.oldest_wait_seconds = 0.75;
  pool.load.refused = 1;
  pool.load.client_left = 1;
  pool.traffic = sample_traffic();
  pool.predicted_wait_seconds = 0.5;
  balancer::BackendStatus backend;
  backend.address = "127.0.0.1:5001";
  backend.life = balancer::Life::ready;
  backend.up = true;
  backend.in_flight = 1;
  backend.limit = 4;
  backend.up_since_seconds = 1.5;
  pool.backends.push_back({backend, "demo-ab12"});
  backend.address = "[::1]:5002";
  backend.life = balancer::Life::draining;
  backend.drained_by_operator = true;
  backend.limit = 0;
  pool.backends.push_back({backend, ""});
  pool.scaling = sample_scaling();
  return pool;
}

}  // namespace

DecisionEntry sample_decision() {
  DecisionEntry decision;
  decision.number = 12;
  decision.time_ms = 1'767'323'045'678;
  decision.action = "scale_out";
  decision.reason = "offered_load";
  decision.target = 3;
  decision.planned = 1;
  decision.need = 3;
  decision.formula = "flow ceil(max(2.40*1.25, 2.40+2*sqrt(2.40))/4)=2";
  decision.text = "Three instances are needed and one is there: two more are asked for.";
  decision.inputs = {{"arrival_rate", 12.0}, {"service_time_seconds", 0.2}};
  return decision;
}

FakeStatusSource::FakeStatusSource() {
  server.version = "0.1.0";
  server.commit = "abc1234";
  server.generation = 7;
  server.state = ServerState::ready;
  server.started_ms = 1'767'323'045'000;
  server.uptime_seconds = 12.3;
  server.workers = 2;
  server.max_connections = 10000;
  server.traffic = sample_connections();
  server.access_log_dropped = 9;
  server.last_reload = {true, 3.2, ""};
  server.listeners = {{"web", {"127.0.0.1:8080", "[::1]:8080"}}};
  server.pools.push_back(sample_pool());
  PoolStatus plain;
  plain.name = "plain";
  balancer::BackendStatus unlimited;
  unlimited.address = "127.0.0.1:9000";
  unlimited.limit = balancer::kUnlimitedSlots;
  plain.backends.push_back({unlimited, ""});
  server.pools.push_back(plain);
}

std::optional<std::vector<DecisionEntry>> FakeStatusSource::decisions(std::string_view pool) {
  if (pool == "demo") return std::vector<DecisionEntry>{sample_decision()};
  if (pool == "plain") return std::vector<DecisionEntry>{};
  return std::nullopt;
}

Result<BackendChange> FakeStatusSource::change(std::string_view what, std::string_view pool,
                                               std::string_view address, std::string_view state) {
  calls.push_back(std::string(what) + " " + std::string(pool) + " " + std::string(address));
  if (next_error) return *next_error;
  if (pool != "demo") return make_error(ErrorCode::not_found, "no such pool");
  return BackendChange{std::string(address), std::string(state), 4};
}

Result<BackendChange> FakeStatusSource::drain(std::string_view pool, std::string_view address) {
  return change("drain", pool, address, "draining");
}

Result<BackendChange> FakeStatusSource::undrain(std::string_view pool, std::string_view address) {
  return change("undrain", pool, address, "ready");
}

}  // namespace flaskscale::admin
