#include "proxy/admin/status_json.h"

#include <nlohmann/json.hpp>

#include "proxy/admin/access_log_format.h"

namespace flaskscale::admin {
namespace {

using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 become U+FFFD; numbers that are not finite become null.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json slots_to_json(uint32_t slots) {
  return slots == balancer::kUnlimitedSlots ? Json(nullptr) : Json(slots);
}

std::string_view policy_name(balancer::Policy policy) {
  switch (policy) {
    case balancer::Policy::least_connections:
      return "least_connections";
    case balancer::Policy::round_robin:
      return "round_robin";
    case balancer::Policy::random_two:
      return "random_two";
    case balancer::Policy::consistent_hash:
      return "consistent_hash";
  }
  return "unknown";
}

Json to_json(const DecisionEntry& decision) {
  Json inputs = Json::object();
  for (const auto& [name, value] : decision.inputs) inputs[name] = value;
  return {{"number", decision.number},  {"time", format_wall_time(decision.time_ms)},
          {"action", decision.action},  {"reason", decision.reason},
          {"target", decision.target},  {"planned", decision.planned},
          {"need", decision.need},      {"formula", decision.formula},
          {"text", decision.text},      {"inputs", std::move(inputs)},
          {"repeats", decision.repeats}};
}

Json to_json(const ScalingStatus& scaling) {
  Json by_state = Json::object();
  for (const auto& [state, count] : scaling.instances_by_state) by_state[state] = count;
  Json instances = Json::array();
  for (const InstanceStatus& instance : scaling.instances) {
    instances.push_back(Json{{"name", instance.name},
                             {"id", instance.id},
                             {"address", instance.address},
                             {"zone", instance.zone},
                             {"version", instance.version},
                             {"state", instance.state},
                             {"age_seconds", instance.age_seconds},
                             {"in_flight", instance.in_flight},
                             {"detail", instance.detail}});
  }
  Json alarms = Json::array();
  for (const AlarmStatus& alarm : scaling.alarms) {
    alarms.push_back(
        Json{{"alarm", alarm.alarm}, {"text", alarm.text}, {"seconds", alarm.seconds}});
  }
  Json hook_events = Json::object();
  for (const auto& [result, count] : scaling.hook_events) hook_events[result] = count;
  return {
      {"provider", scaling.provider},
      {"mode", scaling.mode},
      {"min", scaling.min},
      {"max", scaling.max},
      {"desired", scaling.desired},
      {"planned", scaling.planned},
      {"offered_load", scaling.offered_load},
      {"arrival_rate", scaling.arrival_rate},
      {"service_time_seconds", scaling.service_time_seconds},
      {"boot_seconds", scaling.boot_seconds},
      {"instance_seconds", scaling.instance_seconds},
      {"forecast", scaling.forecast},
      {"last_error", scaling.last_error},
      {"alarms", std::move(alarms)},
      {"hook_events", std::move(hook_events)},
      {"instances_by_state", std::move(by_state)},
      {"instances", std::move(instances)},
      {"last_decision", scaling.last_decision ? to_json(*scaling.last_decision) : Json(nullptr)}};
}

Json to_json(const BackendEntry& entry) {
  const balancer::BackendStatus& backend = entry.backend;
  return {{"address", backend.address},
          {"state", balancer::to_string(backend.life)},
          {"up", backend.up},
          {"ejected", backend.ejected},
          {"drained_by_operator", backend.drained_by_operator},
          {"in_flight", backend.in_flight},
          {"limit", slots_to_json(backend.limit)},
          {"weight", backend.weight},
          {"up_seconds", backend.up_since_seconds},
          {"instance", entry.instance}};
}

Json quantiles(const balancer::LatencyTotals& latency) {
  return {{"p50", latency.quantile(0.5)}, {"p99", latency.quantile(0.99)}};
}

Json queue_to_json(const PoolStatus& pool) {
  return {{"depth", pool.load.queued},
          {"bytes", pool.load.queued_bytes},
          {"oldest_seconds", pool.load.oldest_wait_seconds},
          {"predicted_wait_seconds", pool.predicted_wait_seconds},
          {"limit", pool.settings.queue_limit},
          {"refused_total", pool.load.refused},
          {"client_left_total", pool.load.client_left},
          {"idle_slot_while_queued_seconds", pool.idle_slot_while_queued_seconds}};
}

Json to_json(const PoolStatus& pool) {
  const balancer::TrafficTotals& traffic = pool.traffic;
  Json reasons = Json::object();
  for (const auto& [reason, count] : traffic.reasons) {
    if (reason != balancer::kReasonOk) reasons[reason] = count;
  }
  Json backends = Json::array();
  for (const BackendEntry& entry : pool.backends) backends.push_back(to_json(entry));
  return {{"name", pool.name},
          {"balance", policy_name(pool.settings.policy)},
          {"slots", slots_to_json(pool.settings.slots)},
          {"in_flight", pool.load.in_flight},
          {"queue", queue_to_json(pool)},
          {"requests_total", traffic.requests()},
          {"tunnels", traffic.tunnels_open},
          {"tunnels_total", traffic.tunnels},
          {"responses",
           {{"1xx", traffic.responses(1)},
            {"2xx", traffic.responses(2)},
            {"3xx", traffic.responses(3)},
            {"4xx", traffic.responses(4)},
            {"5xx", traffic.responses(5)},
            {"none", traffic.without_response}}},
          {"reasons", std::move(reasons)},
          {"retries_total", traffic.retries},
          {"aborted_total", traffic.aborted},
          {"bytes_in_total", traffic.bytes_in},
          {"bytes_out_total", traffic.bytes_out},
          {"queue_wait_seconds", quantiles(traffic.queue_wait)},
          {"request_seconds", quantiles(traffic.request_duration)},
          {"backends", std::move(backends)},
          {"scaling", pool.scaling ? to_json(*pool.scaling) : Json(nullptr)}};
}

}  // namespace

std::string_view to_string(ServerState state) {
  switch (state) {
    case ServerState::starting:
      return "starting";
    case ServerState::ready:
      return "ready";
    case ServerState::draining:
      return "draining";
  }
  return "unknown";
}

std::string format_wall_time(int64_t milliseconds) {
  const int64_t positive = milliseconds < 0 ? 0 : milliseconds;
  DateCache date;
  std::string text(date.iso(positive / 1000));
  const std::string fraction = std::to_string(1000 + positive % 1000);
  return text + "." + fraction.substr(1) + "Z";
}

static Json acme_to_json(const AcmeStatus& acme) {
  Json certificates = Json::array();
  for (const AcmeCertificateStatus& one : acme.certificates) {
    certificates.push_back(Json{{"names", one.names},
                                {"stand_in", one.is_stand_in},
                                {"not_after", format_wall_time(one.not_after_s * 1000)},
                                {"next_seconds", one.next_seconds},
                                {"under_way", one.under_way},
                                {"failures", one.failures},
                                {"last_error", one.last_error}});
  }
  return {{"issued_total", acme.issued},
          {"failed_total", acme.failed},
          {"certificates", std::move(certificates)}};
}

std::string render_status(const ServerStatus& status) {
  Json listeners = Json::array();
  for (const ListenerStatus& listener : status.listeners) {
    listeners.push_back(Json{{"name", listener.name}, {"addresses", listener.addresses}});
  }
  Json certificates = Json::array();
  for (const CertificateStatus& one : status.certificates) {
    certificates.push_back(Json{{"listener", one.listener},
                                {"path", one.path},
                                {"names", one.names},
                                {"not_after", format_wall_time(one.not_after_s * 1000)}});
  }
  Json pools = Json::array();
  for (const PoolStatus& pool : status.pools) pools.push_back(to_json(pool));
  Json json = {{"version", status.version},
               {"commit", status.commit},
               {"generation", status.generation},
               {"state", to_string(status.state)},
               {"started", format_wall_time(status.started_ms)},
               {"uptime_seconds", status.uptime_seconds},
               {"workers", status.workers},
               {"connections", status.traffic.connections},
               {"max_connections", status.max_connections},
               {"access_log_dropped_total", status.access_log_dropped},
               {"last_reload",
                {{"success", status.last_reload.success},
                 {"seconds_ago", status.last_reload.seconds_ago},
                 {"error", status.last_reload.error}}},
               {"listeners", std::move(listeners)},
               {"certificates", std::move(certificates)},
               {"pools", std::move(pools)}};
  if (status.acme) json["acme"] = acme_to_json(*status.acme);
  return dump(json);
}

std::string render_decisions(std::string_view pool, const std::vector<DecisionEntry>& decisions) {
  Json list = Json::array();
  for (const DecisionEntry& decision : decisions) list.push_back(to_json(decision));
  return dump(Json{{"pool", pool}, {"decisions", std::move(list)}});
}

std::string render_change(const BackendChange& change) {
  return dump(
      Json{{"address", change.address}, {"state", change.state}, {"in_flight", change.in_flight}});
}

std::string render_error(std::string_view message) { return dump(Json{{"error", message}}); }

}  // namespace flaskscale::admin
