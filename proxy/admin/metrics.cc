#include "proxy/admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "proxy/admin/process_usage.h"

namespace flaskscale::admin {
namespace {

using prometheus::MetricType;
using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// The words for a request that the pool itself refused; every other reason but "ok" is a failure.
constexpr std::array<std::string_view, 6> kRefusals = {"queue_full",         "queue_bytes",
                                                       "predicted_too_late", "waited_too_long",
                                                       "no_capacity",        "shutting_down"};

bool is_refusal(std::string_view reason) {
  return std::find(kRefusals.begin(), kRefusals.end(), reason) != kRefusals.end();
}

// The families of one scrape, in the order in which they were begun.
class Scrape {
 public:
  // The values that follow belong to this family.
  Scrape& begin(MetricType type, std::string_view name, std::string_view help) {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type;
    return *this;
  }
  Scrape& counter(std::string_view name, std::string_view help) {
    return begin(MetricType::Counter, name, help);
  }
  Scrape& gauge(std::string_view name, std::string_view help) {
    return begin(MetricType::Gauge, name, help);
  }

  Scrape& add(Labels labels, double value) {
    prometheus::ClientMetric& metric = append(labels);
    (families_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        value;
    return *this;
  }
  Scrape& add(Labels labels, uint64_t value) { return add(labels, static_cast<double>(value)); }
  Scrape& add(Labels labels, const balancer::LatencyTotals& latency) {
    prometheus::ClientMetric::Histogram& histogram = append(labels).histogram;
    uint64_t so_far = 0;
    for (size_t i = 0; i < latency.counts.size(); ++i) {
      so_far += latency.counts[i];
      const bool is_last = i == balancer::kLatencyBoundsUs.size();
      histogram.bucket.push_back(
          {so_far, is_last ? std::numeric_limits<double>::infinity()
                           : static_cast<double>(balancer::kLatencyBoundsUs[i]) / 1e6});
    }
    histogram.sample_count = so_far;
    histogram.sample_sum = latency.sum_seconds;
    return *this;
  }

  std::string render() {
    std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  prometheus::ClientMetric& append(Labels labels) {
    prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
    for (const auto& [name, value] : labels) {
      metric.label.push_back({std::string(name), std::string(value)});
    }
    return metric;
  }

  std::vector<prometheus::MetricFamily> families_;
};

// Calls `add_values` for each pool.
template <typename AddValues>
void for_each_pool(const ServerStatus& status, AddValues add_values) {
  for (const PoolStatus& pool : status.pools) add_values(pool, std::string_view(pool.name));
}

// One value a pool.
template <typename Value>
void add_per_pool(Scrape& scrape, const ServerStatus& status, Value value) {
  for (const PoolStatus& pool : status.pools) scrape.add({{"pool", pool.name}}, value(pool));
}

// One value for each pool that has a scaler.
template <typename Value>
void add_per_scaler(Scrape& scrape, const ServerStatus& status, Value value) {
  for (const PoolStatus& pool : status.pools) {
    if (pool.scaling) scrape.add({{"pool", pool.name}}, value(*pool.scaling));
  }
}

double slots_now(const PoolStatus& pool) {
  double slots = 0;
  for (const BackendEntry& entry : pool.backends) {
    if (entry.backend.limit == balancer::kUnlimitedSlots) {
      return std::numeric_limits<double>::infinity();
    }
    slots += entry.backend.limit;
  }
  return slots;
}

void add_process(Scrape& scrape, const ServerStatus& status) {
  const ProcessUsage usage = read_process_usage();
  scrape.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.")
      .add({}, static_cast<double>(status.started_ms) / 1000);
  scrape.counter("process_cpu_seconds_total", "User and system CPU time of the process.")
      .add({}, usage.cpu_seconds);
  scrape.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.")
      .add({}, usage.resident_bytes);
  scrape.gauge("process_open_fds", "File descriptors that are open.")
      .add({}, usage.open_descriptors);
  scrape.gauge("process_max_fds", "File descriptors that may be open; 0: no limit.")
      .add({}, usage.max_descriptors);
}

void add_server(Scrape& scrape, const ServerStatus& status) {
  scrape.gauge("flaskscale_build_info", "Always 1; the labels say which build this is.")
      .add({{"version", status.version}, {"commit", status.commit}}, 1.0);
  scrape
      .gauge("flaskscale_ready", "1 while new requests are welcome, 0 while starting or draining.")
      .add({}, status.state == ServerState::ready ? 1.0 : 0.0);
  scrape.gauge("flaskscale_workers", "Threads that serve traffic.")
      .add({}, uint64_t{status.workers});
  scrape.gauge("flaskscale_config_generation", "Number of the configuration in use.")
      .add({}, status.generation);
  scrape
      .gauge("flaskscale_config_last_reload_success",
             "1 if the last reload took the new configuration, 0 if it was refused.")
      .add({}, status.last_reload.success ? 1.0 : 0.0);
  scrape
      .counter("flaskscale_access_log_dropped_total",
               "Access log lines lost because the log could not be written in time.")
      .add({}, status.access_log_dropped);
}

void add_connections(Scrape& scrape, const ServerStatus& status) {
  const balancer::WorkerTotals& traffic = status.traffic;
  scrape.gauge("flaskscale_connections", "Client connections that are open.")
      .add({}, traffic.connections);
  scrape.gauge("flaskscale_max_connections", "Client connections above which accepting pauses.")
      .add({}, status.max_connections);
  scrape.counter("flaskscale_connections_total", "Client connections accepted.")
      .add({}, traffic.connections_accepted);
  scrape
      .counter("flaskscale_connections_handed_over_total",
               "Accepted connections given to a worker with fewer of them.")
      .add({}, traffic.connections_handed_over);
  scrape.counter("flaskscale_no_route_total", "Requests that no route matched.")
      .add({}, traffic.no_route);
  scrape.counter("flaskscale_malformed_requests_total",
                 "Requests refused before a pool was known, by reason.");
  for (const auto& [reason, count] : traffic.malformed) scrape.add({{"reason", reason}}, count);
  scrape.counter("flaskscale_answered_requests_total",
                 "Requests answered without a pool, as the configuration says, by reason.");
  for (const auto& [reason, count] : traffic.answered) scrape.add({{"reason", reason}}, count);
}

void add_tls(Scrape& scrape, const ServerStatus& status) {
  if (status.certificates.empty()) return;
  scrape.counter("flaskscale_tls_handshakes_total", "TLS handshakes with clients that went well.")
      .add({{"kind", "full"}}, status.traffic.tls_full)
      .add({{"kind", "resumed"}}, status.traffic.tls_resumed);
  scrape.counter("flaskscale_tls_handshake_failures_total",
                 "TLS handshakes with clients that failed, by reason.");
  for (const auto& [reason, count] : status.traffic.tls_failed) {
    scrape.add({{"reason", reason}}, count);
  }
  scrape.gauge("flaskscale_tls_certificate_not_after_seconds",
               "When the certificate ends, in seconds since 1970.");
  for (const CertificateStatus& certificate : status.certificates) {
    scrape.add({{"listener", certificate.listener}, {"certificate", certificate.path}},
               static_cast<double>(certificate.not_after_s));
  }
}

void add_acme(Scrape& scrape, const ServerStatus& status) {
  if (!status.acme) return;
  scrape.counter("flaskscale_acme_renewals_total", "Certificates asked of the ACME directory.")
      .add({{"result", "ok"}}, status.acme->issued)
      .add({{"result", "failed"}}, status.acme->failed);
  scrape.gauge("flaskscale_acme_failures",
               "Tries to get the certificate that have failed since it was last got.");
  for (const AcmeCertificateStatus& certificate : status.acme->certificates) {
    scrape.add({{"certificate", certificate.names.front()}}, certificate.failures);
  }
}

void add_responses(Scrape& scrape, const ServerStatus& status) {
  scrape.counter("flaskscale_requests_total",
                 "Requests that ended, by status code; \"none\": no response was sent.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    for (size_t i = 0; i < pool.traffic.by_status.size(); ++i) {
      const uint64_t count = pool.traffic.by_status[i];
      const std::string code = std::to_string(i + balancer::kFirstStatus);
      if (count > 0) scrape.add({{"pool", name}, {"code", code}}, count);
    }
    scrape.add({{"pool", name}, {"code", "none"}}, pool.traffic.without_response);
  });
  scrape.counter("flaskscale_refused_total",
                 "Requests that the pool did not take, or gave up while they waited, by reason.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    for (const std::string_view reason : kRefusals) {
      scrape.add({{"pool", name}, {"reason", reason}}, pool.traffic.reason(reason));
    }
  });
  scrape.counter("flaskscale_failed_total",
                 "Requests that ended badly for another cause than a refusal, by reason.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    for (const auto& [reason, count] : pool.traffic.reasons) {
      if (reason == balancer::kReasonOk || is_refusal(reason)) continue;
      scrape.add({{"pool", name}, {"reason", reason}}, count);
    }
  });
}

void add_traffic(Scrape& scrape, const ServerStatus& status) {
  scrape.counter("flaskscale_retries_total", "Second and later tries of a request.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.retries; });
  scrape.counter("flaskscale_aborted_total", "Responses that had begun and were cut short.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.aborted; });
  scrape.counter("flaskscale_client_received_bytes_total", "Bytes received from clients.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.bytes_in; });
  scrape.counter("flaskscale_client_sent_bytes_total", "Bytes sent to clients.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.bytes_out; });

  scrape.begin(MetricType::Histogram, "flaskscale_request_duration_seconds",
               "First byte of a request to the last byte of its response, the wait included.");
  add_per_pool(scrape, status,
               [](const PoolStatus& pool) { return pool.traffic.request_duration; });
  scrape.begin(MetricType::Histogram, "flaskscale_queue_wait_seconds",
               "Time a request waited for a slot; 0 for those that got one at once.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.queue_wait; });
  scrape.begin(MetricType::Histogram, "flaskscale_backend_connect_seconds",
               "Time to connect to a backend; reused connections are not counted.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.connect; });
  scrape.begin(MetricType::Histogram, "flaskscale_backend_first_byte_seconds",
               "Request sent to the first byte of the backend's response.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.first_byte; });
}

void add_queue(Scrape& scrape, const ServerStatus& status) {
  scrape.counter("flaskscale_arrivals_total",
                 "Requests offered to the pool: served, waiting and refused.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.load.arrivals; });
  scrape.gauge("flaskscale_queue_depth", "Requests that wait for a slot.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.load.queued; });
  scrape.gauge("flaskscale_queue_bytes", "Memory that waiting requests hold.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.load.queued_bytes; });
  scrape.gauge("flaskscale_queue_limit", "Requests that may wait.");
  add_per_pool(scrape, status,
               [](const PoolStatus& pool) { return uint64_t{pool.settings.queue_limit}; });
  scrape.gauge("flaskscale_queue_oldest_seconds", "How long the oldest waiting request waits.");
  add_per_pool(scrape, status,
               [](const PoolStatus& pool) { return pool.load.oldest_wait_seconds; });
  scrape.gauge("flaskscale_queue_predicted_wait_seconds",
               "How long a request that comes now would wait, as far as can be told.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.predicted_wait_seconds; });
  scrape.counter("flaskscale_queue_client_left_total", "Clients that left while they waited.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.load.client_left; });
  scrape.counter(
      "flaskscale_idle_slot_while_queued_seconds_total",
      "Seconds in which a request waited while a slot was free. Anything but 0 is a fault.");
  add_per_pool(scrape, status,
               [](const PoolStatus& pool) { return pool.idle_slot_while_queued_seconds; });
}

template <typename Value>
void add_per_backend(Scrape& scrape, const ServerStatus& status, Value value) {
  for (const PoolStatus& pool : status.pools) {
    for (const BackendEntry& entry : pool.backends) {
      scrape.add({{"pool", pool.name}, {"backend", entry.backend.address}}, value(entry.backend));
    }
  }
}

void add_backends(Scrape& scrape, const ServerStatus& status) {
  using balancer::BackendStatus;
  scrape.gauge("flaskscale_in_flight", "Requests that hold a slot.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.load.in_flight; });
  scrape.gauge("flaskscale_tunnels", "WebSockets and other tunnels that are open.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.tunnels_open; });
  scrape.counter("flaskscale_tunnels_total", "Requests that became a tunnel.");
  add_per_pool(scrape, status, [](const PoolStatus& pool) { return pool.traffic.tunnels; });
  scrape.gauge("flaskscale_slots", "Requests that may be in flight now, over all backends.");
  add_per_pool(scrape, status, slots_now);
  scrape.gauge("flaskscale_backend_up", "1 while the backend passes its health checks.");
  add_per_backend(scrape, status, [](const BackendStatus& b) { return b.up ? 1.0 : 0.0; });
  scrape.gauge("flaskscale_backend_ejected",
               "1 while the backend gets nothing because its answers failed.");
  add_per_backend(scrape, status, [](const BackendStatus& b) { return b.ejected ? 1.0 : 0.0; });
  scrape.gauge("flaskscale_backend_draining", "1 while the backend gets no new requests.");
  add_per_backend(scrape, status, [](const BackendStatus& b) {
    return b.life == balancer::Life::draining ? 1.0 : 0.0;
  });
  scrape.gauge("flaskscale_backend_in_flight", "Requests in flight at the backend.");
  add_per_backend(scrape, status, [](const BackendStatus& b) { return uint64_t{b.in_flight}; });
  scrape.gauge("flaskscale_backend_slots", "Requests that may be in flight at the backend now.");
  add_per_backend(scrape, status, [](const BackendStatus& b) {
    return b.limit == balancer::kUnlimitedSlots ? std::numeric_limits<double>::infinity() : b.limit;
  });
}

void add_scaling(Scrape& scrape, const ServerStatus& status) {
  scrape.gauge("flaskscale_instances", "Instances by where they are in their life.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    if (!pool.scaling) return;
    for (const auto& [state, count] : pool.scaling->instances_by_state) {
      scrape.add({{"pool", name}, {"state", state}}, count);
    }
  });
  scrape.gauge("flaskscale_instances_desired", "Instances that the scaler wants.");
  add_per_scaler(scrape, status,
                 [](const ScalingStatus& s) { return static_cast<double>(s.desired); });
  scrape.gauge("flaskscale_instances_min", "The configured least number of instances.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return static_cast<double>(s.min); });
  scrape.gauge("flaskscale_instances_max", "The configured largest number of instances.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return static_cast<double>(s.max); });
  scrape.counter("flaskscale_scaler_decisions_total",
                 "Decisions of the scaler, those to do nothing included, by action and reason.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    if (!pool.scaling) return;
    for (const DecisionCount& decision : pool.scaling->decisions_total) {
      scrape.add({{"pool", name}, {"action", decision.action}, {"reason", decision.reason}},
                 decision.count);
    }
  });
  scrape.gauge("flaskscale_scaler_alarms",
               "1 for each alarm of the scaler that is on; an operator should look at it.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    if (!pool.scaling) return;
    for (const AlarmStatus& alarm : pool.scaling->alarms) {
      scrape.add({{"pool", name}, {"alarm", alarm.alarm}}, 1.0);
    }
  });
  scrape.counter("flaskscale_hook_events_total",
                 "Events for the pool's hooks, by what became of them; a retry is counted too.");
  for_each_pool(status, [&](const PoolStatus& pool, std::string_view name) {
    if (!pool.scaling) return;
    for (const auto& [result, count] : pool.scaling->hook_events) {
      scrape.add({{"pool", name}, {"result", result}}, count);
    }
  });
  scrape.gauge("flaskscale_offered_load",
               "Slots' worth of work that clients ask for: arrivals a second times service time.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return s.offered_load; });
  scrape.gauge("flaskscale_arrival_rate", "Requests that arrive each second, smoothed.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return s.arrival_rate; });
  scrape.gauge("flaskscale_service_time_seconds", "How long a request holds its slot, on average.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return s.service_time_seconds; });
  scrape.gauge("flaskscale_boot_seconds",
               "Median time from asking for an instance to its first good answer; 0: none seen.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return s.boot_seconds; });
  scrape.counter("flaskscale_instance_seconds_total", "Time that instances existed, added up.");
  add_per_scaler(scrape, status, [](const ScalingStatus& s) { return s.instance_seconds; });
}

}  // namespace

std::string render_metrics(const ServerStatus& status) {
  Scrape scrape;
  add_server(scrape, status);
  add_process(scrape, status);
  add_connections(scrape, status);
  add_tls(scrape, status);
  add_acme(scrape, status);
  add_responses(scrape, status);
  add_traffic(scrape, status);
  add_queue(scrape, status);
  add_backends(scrape, status);
  add_scaling(scrape, status);
  return scrape.render();
}

}  // namespace flaskscale::admin
