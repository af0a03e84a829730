// The configuration file as plain values: what the user wrote, defaults filled in, nothing
// compiled.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace flaskscale::config {

// Where a value was written; line 0 when it is a default.
struct Source {
  uint32_t line = 0;
  uint32_t column = 0;
};

struct ServerModel {
  unsigned workers = 0;  // 0: "auto", one per usable CPU
  uint32_t max_connections = 10000;
  Duration shutdown_timeout = std::chrono::seconds(30);
  std::string state_dir = "/var/lib/flaskscale";
  bool operator==(const ServerModel&) const = default;
};

enum class LogFormat : uint8_t { json, text };

struct AccessLogModel {
  std::string path = "-";  // "-": standard output; "off": none
  LogFormat format = LogFormat::json;
  bool operator==(const AccessLogModel&) const = default;
};

struct AdminModel {
  std::string listen = "127.0.0.1:9901";
  bool operator==(const AdminModel&) const = default;
};

struct ListenerModel {
  std::string name;
  std::vector<std::string> listen;           // "0.0.0.0:80", "[::]:80"
  std::vector<std::string> trusted_proxies;  // addresses and CIDR networks
  bool operator==(const ListenerModel&) const = default;
};

struct LimitsModel {
  uint32_t header_bytes = 32U << 10U;
  uint32_t headers = 100;
  uint32_t uri_bytes = 8U << 10U;
  uint64_t body_bytes = 100ULL << 20U;
  bool operator==(const LimitsModel&) const = default;
};

struct TimeoutsModel {
  Duration header = std::chrono::seconds(10);
  Duration idle = std::chrono::seconds(60);
  Duration body = std::chrono::seconds(30);
  Duration connect = std::chrono::seconds(2);
  Duration response = std::chrono::seconds(60);
  Duration tunnel_idle = std::chrono::minutes(10);
  bool operator==(const TimeoutsModel&) const = default;
};

struct RouteModel {
  std::vector<std::string> hosts;  // lower case; "*.example.com"; empty: any
  std::vector<std::string> paths;  // prefixes; empty: any
  std::string pool;
  Source source;
};

enum class BalancePolicy : uint8_t { least_connections, round_robin, random_two };
enum class QueueOrder : uint8_t { adaptive, fifo };

struct BackendModel {
  std::string address;  // "host:port"
  uint32_t weight = 1;
  bool operator==(const BackendModel&) const = default;
};

struct QueueModel {
  uint32_t limit = 1000;
  uint64_t bytes = 64ULL << 20U;
  Duration timeout = std::chrono::seconds(30);
  QueueOrder order = QueueOrder::adaptive;
  Duration slow_after = std::chrono::milliseconds(500);
  bool operator==(const QueueModel&) const = default;
};

struct HealthModel {
  std::string path;  // empty: a TCP connect is the check
  Duration interval = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(1);
  uint32_t rise = 2;
  uint32_t fall = 3;
  bool operator==(const HealthModel&) const = default;
};

struct RetryModel {
  double budget = 0.2;
  uint32_t floor = 3;
  bool operator==(const RetryModel&) const = default;
};

enum class ScalingMode : uint8_t { act, scale_out_only, observe, off };

struct ProcessProviderModel {
  std::vector<std::string> command;  // "{address}", "{host}" and "{port}" are replaced
  std::string directory;             // resolved against the configuration file's folder
  std::map<std::string, std::string> environment;
  Duration stop_grace = std::chrono::seconds(10);  // SIGTERM to SIGKILL
  bool operator==(const ProcessProviderModel&) const = default;
};

struct ScalingModel {
  std::string provider = "process";
  ScalingMode mode = ScalingMode::act;
  uint32_t min = 1;
  uint32_t max = 20;
  double availability = 0.95;
  Duration drain_timeout = std::chrono::minutes(5);
  Duration boot_timeout = std::chrono::minutes(5);
  Duration idle_to_zero = std::chrono::minutes(15);      // min = 0 only
  Duration scale_in_window = std::chrono::minutes(5);    // the keep window of the law, 3.6
  Duration scale_in_interval = std::chrono::minutes(1);  // between two scale-in steps
  Duration boot_estimate = std::chrono::seconds(75);  // prior of the boot time, until it is learned
  Duration service_time_estimate = std::chrono::milliseconds(200);
  ProcessProviderModel process;
  bool operator==(const ScalingModel&) const = default;
};

struct PoolModel {
  std::string name;
  BalancePolicy balance = BalancePolicy::least_connections;
  uint32_t slots = 0;  // per backend; 0: unlimited (not with scaling)
  std::vector<BackendModel> backends;
  Duration slow_start = std::chrono::seconds(10);  // slot ramp of a new backend
  QueueModel queue;
  HealthModel health;
  Duration keepalive_idle = std::chrono::milliseconds(1500);
  RetryModel retry;
  std::optional<ScalingModel> scaling;
  Source source;
};

struct Model {
  ServerModel server;
  AccessLogModel access_log;
  AdminModel admin;
  std::vector<ListenerModel> listeners;
  LimitsModel limits;
  TimeoutsModel timeouts;
  std::vector<RouteModel> routes;
  std::map<std::string, PoolModel> pools;
};

}  // namespace flaskscale::config
