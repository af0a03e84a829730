// What the admin listener shows, as plain values, and the seam through which it asks for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balancer/load_meter.h"
#include "balancer/pool.h"
#include "balancer/settings.h"
#include "balancer/traffic_counters.h"
#include "base/result.h"

namespace flaskscale::admin {

enum class ServerState : uint8_t { starting, ready, draining };
std::string_view to_string(ServerState state);

// Where an instance or backend is in its life, as the scaler names it: "booting", "warming",
// "ready", "draining", "deleting", "failed".
using StateName = std::string;

struct ListenerStatus {
  std::string name;
  std::vector<std::string> addresses;  // bound, with the real port
};

struct CertificateStatus {
  std::string listener;
  std::string path;
  std::vector<std::string> names;
  int64_t not_after_s = 0;  // seconds since 1970-01-01 UTC
};

// One certificate that is got by name.
struct AcmeCertificateStatus {
  std::vector<std::string> names;
  bool is_stand_in = true;  // self-signed: the directory has not given one yet
  int64_t not_after_s = 0;  // of what serves; seconds since 1970-01-01 UTC
  double next_seconds = 0;  // until something is done about it
  bool under_way = false;   // the directory is being asked
  uint64_t failures = 0;    // in a row
  std::string last_error;   // empty: the last try went well
};

struct AcmeStatus {
  uint64_t issued = 0;
  uint64_t failed = 0;  // tries
  std::vector<AcmeCertificateStatus> certificates;
};

struct BackendEntry {
  balancer::BackendStatus backend;
  std::string instance;  // empty: a static backend
};

struct InstanceStatus {
  std::string name;
  std::string id;  // the provider's own; empty: none yet
  std::string address;
  std::string zone;     // empty: the provider has none
  std::string version;  // what it was made from; empty: unknown
  StateName state;
  double age_seconds = 0;
  uint64_t in_flight = 0;
  std::string detail;  // why it failed, or what it waits for
};

// Something that an operator should look at.
struct AlarmStatus {
  std::string alarm;   // snake_case word
  std::string text;    // a sentence for people
  double seconds = 0;  // since it began
};

// One decision of the scaler, or one non-decision (equal ones in a row are one entry).
struct DecisionEntry {
  uint64_t number = 0;
  int64_t time_ms = 0;  // wall clock, milliseconds since 1970-01-01 UTC
  std::string action;   // scale_out | scale_in | undrain | replace | hold | observe
  std::string reason;   // snake_case word
  int64_t target = 0;
  int64_t planned = 0;
  int64_t need = 0;
  std::string formula;
  std::string text;  // one sentence for people
  std::vector<std::pair<std::string, double>> inputs;
  uint64_t repeats = 1;
};

struct DecisionCount {
  std::string action;
  std::string reason;
  uint64_t count = 0;
};

struct ScalingStatus {
  std::string provider;
  std::string mode;
  int64_t min = 0;
  int64_t max = 0;
  int64_t desired = 0;
  int64_t planned = 0;
  double offered_load = 0;  // slots' worth of work
  double arrival_rate = 0;  // per second
  double service_time_seconds = 0;
  double boot_seconds = 0;  // median of the boots seen; 0: none yet
  double instance_seconds = 0;
  std::string forecast;    // which of the candidates is believed now
  std::string last_error;  // of the provider; empty: its last calls went well
  std::vector<AlarmStatus> alarms;
  std::vector<std::pair<std::string, uint64_t>> hook_events;       // by what became of them
  std::vector<std::pair<StateName, uint64_t>> instances_by_state;  // every state, zeros too
  std::vector<InstanceStatus> instances;
  std::optional<DecisionEntry> last_decision;
  std::vector<DecisionCount> decisions_total;  // since start; each pair of action and reason once
};

struct PoolStatus {
  std::string name;
  balancer::PoolSettings settings;
  balancer::LoadReading load;
  balancer::TrafficTotals traffic;
  double predicted_wait_seconds = 0;
  double idle_slot_while_queued_seconds = 0;
  std::vector<BackendEntry> backends;
  std::optional<ScalingStatus> scaling;
};

struct ReloadStatus {
  bool success = true;
  double seconds_ago = 0;
  std::string error;  // empty when it went well
};

struct ServerStatus {
  std::string version;
  std::string commit;
  uint64_t generation = 0;  // of the snapshot in use
  ServerState state = ServerState::starting;
  int64_t started_ms = 0;  // wall clock, milliseconds since 1970-01-01 UTC
  double uptime_seconds = 0;
  uint32_t workers = 0;
  uint64_t max_connections = 0;
  balancer::WorkerTotals traffic;  // its `connections` is the number open now
  uint64_t access_log_dropped = 0;
  ReloadStatus last_reload;  // the start counts as one
  std::vector<ListenerStatus> listeners;
  std::vector<CertificateStatus> certificates;
  std::optional<AcmeStatus> acme;  // absent: no certificate is got by name
  std::vector<PoolStatus> pools;
};

// A backend after an operator's drain or undrain.
struct BackendChange {
  std::string address;
  StateName state;
  uint32_t in_flight = 0;
};

// Implemented where everything is known. Control loop only.
class StatusSource {
 public:
  virtual ServerStatus status() = 0;
  virtual ServerState state() = 0;  // cheap: asked by readiness probes
  // Newest last, bounded. Absent: there is no such pool; empty: it has no scaler or none was made
  // yet.
  virtual std::optional<std::vector<DecisionEntry>> decisions(std::string_view pool) = 0;
  // ErrorCode::not_found: no such pool or backend, and `detail` says which. Draining what already
  // drains, or taking back what does not drain, changes nothing and is no error. `detail` is shown
  // to the operator.
  virtual Result<BackendChange> drain(std::string_view pool, std::string_view address) = 0;
  virtual Result<BackendChange> undrain(std::string_view pool, std::string_view address) = 0;

 protected:
  ~StatusSource() = default;
};

}  // namespace flaskscale::admin
